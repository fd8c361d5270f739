"""The shipped configuration in a real Icinga 2 that tells somebody: all is looked at, and every message counted."""

from __future__ import annotations

import shlex
import time

from tests.engines.faults_paged import MINUTE, client
from tests.engines.icinga_pair import NODES, IcingaPair
from tests.subcommands.running_pair import EXEC

OBJECTS = """
object CheckCommand "node-alive" {{ command = [ "{programs}/alive", "$host.name$" ] }}
object NotificationCommand "page" {{
  command = [ "{programs}/page", "$notification.type$", "$host.name$", "$service.name$" ]
}}
object User "admin" {{ }}

for (node in [ "nfs001", "nfs002" ]) {{
  object Host node {{
    import "hastwatch-node"
    check_command = "node-alive"
    vars.agent_endpoint = name
  }}
}}

object Host "nfs" {{
  import "hastwatch-pair"
  address = "10.1.101.5"
  vars.hastwatch_pair = [ "nfs001", "nfs002" ]
  vars.nfs_export_export = [ "/hast/home" ]
}}

apply Notification "hastwatch" to Host {{
  command = "page"
  users = [ "admin" ]
  states = [ Up, Down ]
  assign where true
}}

apply Notification "hastwatch" to Service {{
  command = "page"
  users = [ "admin" ]
  states = [ OK, Critical, Unknown ]
  times.begin = {delay:g}
  assign where "hastwatch" in service.groups
}}
"""
"""Those of hosts.conf.sample, and the notification that hastwatch-services.conf shows."""
NOTIFIES = 'object NotificationComponent "notification" { }\n'
ALIVE = """#!/bin/sh
{way} "$1" hostname >/dev/null 2>&1 && echo up && exit 0
echo down
exit 2
"""
PAGE = """#!/bin/sh
[ "$1" = PROBLEM ] && echo "$2 $3" >>{pages}
exit 0
"""
UNCOUNTED = "check_hast_setup"
"""The set-up of the simulated pair is not all that the audit asks for."""


class IcingaPages(IcingaPair):
    """A pair all of whose services are looked at."""

    def hosts(self) -> str:
        """The pair, its service address, and who is told; what those run is written beside the nodes' programs."""
        way = shlex.join([*EXEC, "--dir", str(self.pair.directory)])
        pages = self.programs / "pages"
        for name, text in (("alive", ALIVE.format(way=way)), ("page", PAGE.format(pages=pages))):
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        (self.master.etc / "features-enabled" / "notification.conf").write_text(NOTIFIES)
        commands = self.programs / "nfs001" / "bin"
        client(self.pair, commands / "check_nfs_export")
        with (self.master.etc / "constants.conf").open("a") as constants:
            constants.write(f'const HastwatchDir = "{commands}"\n')
        return OBJECTS.format(programs=self.programs, delay=MINUTE / 2)

    def watch_all(self) -> None:
        """Look at all services from now on; returns when all are OK, and forgets what was told by then."""
        began = time.time()
        self._change("true", {"enable_active_checks": True})
        for kind in ("Host", "Service"):
            self.master.post("actions/reschedule-check", {"type": kind, "filter": "true", "force": True})

        def are_well() -> bool:
            services = [each["attrs"] for each in self.master.get("objects/services")]
            hosts = [each["attrs"] for each in self.master.get("objects/hosts")]
            return all(
                float(str(each["last_check"])) > began and each["state"] == 0  # type: ignore[index]
                for each in (*services, *hosts)
                if not str(each["name"]).startswith(UNCOUNTED)  # type: ignore[index]
            )

        self.await_(f"all of {NODES} is OK", are_well)
        (self.programs / "pages").write_text("")

    @property
    def pages(self) -> list[str]:
        """Of what somebody was told since."""
        told = (self.programs / "pages").read_text().splitlines()
        return [page.strip() for page in told if UNCOUNTED not in page]
