"""What devd, hastd and rc(8) call: a few lines each, arguments in, one call into `remediate`, exit status out."""
