"""What an administrator has hastwatch find out about a node by trying it, each part a module, with things of its own
alone: what is in service is neither used nor changed. `hastwatch doctor` calls the parts."""
