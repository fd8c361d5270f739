"""Passive results for monitoring: a check is run, what it says is sent, and kept on disk while nobody takes it.

    result    what any plugin says, cleaned and bounded      spool     what waits
    icinga, nrdp, nagios_pipe   where it goes                delivery  how the spool is emptied
    textfile  the same for Prometheus                        push      results at once, on an event
    icinga_notify  what Icinga is told after a repair          submission  the configuration of all of it

`requests` is imported where a web server is asked, and nowhere else.
"""
