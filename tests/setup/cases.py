"""Each finding of the audit: the setting that is broken for it."""

from __future__ import annotations

from tests.setup.audited import BrokenSetup

HAST_CONF = "/etc/hast.conf"
RC_CONF, NETIF = "/etc/rc.conf", "/etc/rc.conf.d/netif"
BOTH = ("nfs001", "nfs002")
ONE, OTHER = ("nfs001",), ("nfs002",)

WHAT_WAS_MEANT = "what the line was meant to say nobody else knows"
WHICH_IS_RIGHT = "which of the two nodes is right nobody else knows"
WHICH_VALUE = "the value is the site's"
OF_HAST_CONF = (
    BrokenSetup("setup-hast-conf-refused", (f"sed -i '' 's/fullsync/fulsync/' {HAST_CONF}",), OTHER, WHAT_WAS_MEANT,
                by_hand=(f"sed -i '' 's/fulsync/fullsync/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-conf-differs", (f"sed -i '' 's/lzf/hole/' {HAST_CONF}",), OTHER, WHICH_IS_RIGHT,
                by_hand=(f"sed -i '' 's/hole/lzf/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-remote", (f"sed -i '' 's/10.1.101.4/10.1.101.5/' {HAST_CONF}",), BOTH, WHAT_WAS_MEANT,
                by_hand=(f"sed -i '' 's/10.1.101.5/10.1.101.4/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-missing", (f"sed -i '' '/exec/d' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-missing", (f"sed -i '' 's|exec .*|exec /usr/local/sbin/carp-log|' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-broken", ("rm /usr/local/sbin/hastwatch-hast-event",), OTHER),
    BrokenSetup("setup-hast-exec-broken", ("chmod 644 /usr/local/sbin/hastwatch-hast-event",), ONE),
    BrokenSetup("setup-hast-timeout", (f"sed -i '' 's/timeout 10/timeout 60/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-timeout", (f"sed -i '' '/timeout 10/d' {HAST_CONF}",)),
    BrokenSetup("setup-hast-timeout", (f"sed -i '' 's/local /timeout 3 local /' {HAST_CONF}",)),
    BrokenSetup("setup-hast-replication", (f"sed -i '' 's/fullsync/async/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-replication", (f"sed -i '' '/replication/d' {HAST_CONF}",)),
)  # fmt: skip
OF_KERNEL = (
    BrokenSetup("setup-preempt-off", ("sysctl net.inet.carp.preempt=0",)),
    BrokenSetup("setup-carp-forbidden", ("sysctl net.inet.carp.allow=0",)),
    BrokenSetup("setup-nfs2-allowed", ("sysctl vfs.nfsd.server_min_nfsvers=2",)),
    BrokenSetup("setup-sysctl-boot", ("sed -i '' '/preempt/d' /etc/sysctl.conf",), ONE),
    BrokenSetup("setup-sysctl-boot", ("sed -i '' '/min_nfsvers/d' /etc/sysctl.conf",), OTHER),
    BrokenSetup("setup-sysctl-boot", ("echo net.inet.carp.allow=0 >> /etc/sysctl.conf",), OTHER),
    BrokenSetup("setup-sysctl-differs", ("sysctl net.inet.carp.ifdown_demotion_factor=0",), ONE,
                WHICH_IS_RIGHT, by_hand=("sysctl net.inet.carp.ifdown_demotion_factor=240",)),
    BrokenSetup("setup-carp-at-boot", ("sed -i '' '/carp_load/d' /boot/loader.conf",), OTHER),
    BrokenSetup("setup-geom-gate", ("rm /boot/kernel/geom_gate.ko", "kldunload geom_gate"), OTHER,
                "how the kernel was installed nobody else knows", serving=False,
                by_hand=("cp /boot/kernel/carp.ko /boot/kernel/geom_gate.ko",)),
)  # fmt: skip
A_SECRET = "no finding tells a password"
OF_CARP = (
    BrokenSetup("setup-advskew-at-boot", (
        f"grep vhid {RC_CONF} > {NETIF}", f"sed -i '' '/vhid/d' {RC_CONF}", f"sed -i '' 's/skew 10/skew 100/' {NETIF}",
    ), ONE),
    BrokenSetup("setup-advskew-at-boot", (f"sed -i '' 's/advskew 10/advskew 100/' {RC_CONF}",), OTHER),
    BrokenSetup("setup-advskew-differs", (f"sed -i '' 's/advskew 10/advskew 20/' {RC_CONF}",
                                          "ifconfig vtnet1 vhid 2 advskew 20"), OTHER),
    BrokenSetup("setup-vhid-not-running", ("ifconfig vtnet1 10.1.101.5 -alias",), OTHER, serving=False),
    BrokenSetup("setup-vhid-not-at-boot", (f"sed -i '' '/vhid/d' {RC_CONF}",), OTHER, A_SECRET,
                {"PASSWORD": "UltraSecret"}),
    BrokenSetup("setup-no-vhid", ("ifconfig vtnet1 10.1.101.5 -alias", f"rm -f {NETIF}"), OTHER, WHICH_VALUE,
                {"IFACE": "vtnet1", "ifconfig_IFACE_alias0": "ifconfig_vtnet1_alias0", "N": "2",
                 "PASSWORD": "UltraSecret", "ADDRESS": "10.1.101.5"}, serving=False),
)  # fmt: skip
OF_RC = (
    *(BrokenSetup("setup-service-disabled", (f"sysrc {name}=NO",), ONE) for name in (
        "hastd_enable", "devd_enable", "rpcbind_enable", "rpc_statd_enable", "rpc_lockd_enable", "cron_enable",
        "hastwatch_enable", "hastwatch_hold_enable",
    )),
    BrokenSetup("setup-nfs-at-boot", ("sysrc mountd_enable=YES",), OTHER),
    BrokenSetup("setup-nfs-at-boot", ("sysrc nfs_server_enable=YES",), ONE),
    BrokenSetup("setup-mountd-flags", ("sysrc mountd_flags=-S",)),
    BrokenSetup("setup-nfsd-without-tcp", ("sysrc nfs_server_flags='-u -h 10.1.101.5'",)),
    BrokenSetup("setup-nfsd-udp", ("sysrc nfs_server_flags='-u -t'",)),
    BrokenSetup("setup-nfs-differs", ("sysrc nfs_server_flags='-u -t -n 16 -h 10.1.101.5'",), ONE,
                WHICH_IS_RIGHT, {"VALUE": "'-u -t -h 10.1.101.5'"}),
    BrokenSetup("setup-service-jail", ("sysrc svcj_all_enable=YES",), OTHER, releases="15.1+D57511", serving=False),
)  # fmt: skip
EXPORTS = "/etc/exports"
OF_EXPORTS = (
    BrokenSetup("setup-exports-missing", (f"cp {EXPORTS} /root/exports", f"rm {EXPORTS}"), OTHER,
                "the other node's file may be wrong as well, and no key between them copies files",
                by_hand=(f"cp /root/exports {EXPORTS}",)),
    BrokenSetup("setup-export-refused", (f"echo '/hast/home -nonsense' >> {EXPORTS}",)),
    BrokenSetup("setup-export-outside", (f"echo '/usr/home -network 10.1.101.0/24' >> {EXPORTS}",)),
    BrokenSetup("setup-export-everyone", (f"sed -i '' 's/-network 10.1.101.0.24//' {EXPORTS}",), BOTH, WHICH_VALUE,
                {"NETWORK": "10.1.101.0/24"}),
    BrokenSetup("setup-exports-differ", (f"sed -i '' 's/-maproot=root/-maproot=nobody/' {EXPORTS}",), OTHER,
                WHICH_IS_RIGHT, by_hand=(f"sed -i '' 's/-maproot=nobody/-maproot=root/' {EXPORTS}",)),
)  # fmt: skip
POINT, SETTINGS = "/hast/home", "/usr/local/etc/hastwatch.toml"
OF_POINTS = (
    BrokenSetup("setup-point-missing", (f"rmdir {POINT}",), OTHER, serving=False),
    BrokenSetup("setup-point-writable", (f"chflags noschg {POINT}",), OTHER, serving=False),
    BrokenSetup("setup-point-not-empty", (f"chflags noschg {POINT}", f"touch {POINT}/mail", f"chflags schg {POINT}"),
                OTHER, serving=False),
)  # fmt: skip
OF_SCRIPTS = (
    *(BrokenSetup("setup-hastctl-create", (f"echo '{line}' >> {path}",), ONE,
                  "a line may do more than that", by_hand=(f"sed -i '' '/hastctl/d' {path}",))
      for path, line in (
          ("/etc/rc.local", "hastctl create home"), ("/var/cron/tabs/root", "@reboot hastctl create home"),
          ("/etc/crontab", "@reboot root /sbin/hastctl -d create -k 64 home"),
          ("/usr/local/sbin/start-hast", " hastctl create home"),
      )),
    BrokenSetup("setup-rc-script", ("rm /usr/local/etc/rc.d/hastwatch",), OTHER),
    BrokenSetup("setup-rc-script", ("chmod 644 /usr/local/etc/rc.d/hastwatch_hold",), ONE),
    *(BrokenSetup("setup-rc-order", (f"sed -i '' '/{line}/d' /usr/local/etc/rc.d/{script}",), OTHER)
      for script, line in (("hastwatch_hold", "BEFORE"), ("hastwatch", "REQUIRE"), ("hastwatch", "KEYWORD"))),
    BrokenSetup("setup-boot-order", (
        "echo '# PROVIDE: another' > /usr/local/etc/rc.d/another",
        "echo '# REQUIRE: netif' >> /usr/local/etc/rc.d/another",
        "echo '# BEFORE: hastwatch_hold' >> /usr/local/etc/rc.d/another",
    ), OTHER, "what the other script needs its owner knows", by_hand=("rm /usr/local/etc/rc.d/another",)),
    BrokenSetup("setup-cron-job", ("rm /etc/cron.d/hastwatch",), OTHER),
    BrokenSetup("setup-cron-job", ("sed -i '' 's/^[*]/#*/' /etc/cron.d/hastwatch",), OTHER),
)  # fmt: skip
OF_WAYS = tuple(
    BrokenSetup(reason, (f"sed -i '' 's/^{name}/#{name}/' {SETTINGS}",), on, WHICH_VALUE,
                by_hand=(f"sed -i '' 's/#{name}/{name}/' {SETTINGS}",))
    for reason, name, on in (
        ("setup-no-peer", "peer", ONE), ("setup-no-management", "management", OTHER),
        ("setup-no-witness", "witness", OTHER),
    )
)  # fmt: skip
OF_WINDOW = (
    *(BrokenSetup("setup-data-window", (f"sysctl {name}=30",), ONE) for name in (
        "kern.filedelay", "kern.dirdelay", "kern.metadelay",
    )),
    BrokenSetup("setup-data-window-boot", ("sed -i '' '/filedelay/d' /etc/sysctl.conf",), OTHER),
)  # fmt: skip
RULE, HOOK = "/usr/local/etc/devd/hastwatch.conf", "/usr/local/sbin/carp-hast-switch"
OF_DEVD = (
    BrokenSetup("devd-configuration-refused", (f"echo 'notify 30 (' >> {RULE}",), OTHER, WHAT_WAS_MEANT,
                by_hand=(f"sed -i '' '/notify 30 (/d' {RULE}",)),
    BrokenSetup("devd-hook-missing", (f"rm {RULE}",), OTHER),
    BrokenSetup("devd-hook-missing", (f"sed -i '' 's/carp-hast-switch/another/' {RULE}",), OTHER),
    BrokenSetup("devd-hook-unmatched", (f"sed -i '' 's/MASTER|BACKUP/MASTER/' {RULE}",), OTHER),
    BrokenSetup("devd-hook-arguments", (f"sed -i '' 's/[$]subsystem [$]type/x/' {RULE}",), OTHER),
    BrokenSetup("devd-hook-not-executable", (f"chmod 644 {HOOK}",), OTHER),
    BrokenSetup("devd-hook-not-executable", (f"rm {HOOK}",), OTHER),
    BrokenSetup("devd-hook-cannot-start", (f"rm {HOOK}", f"echo '#!/usr/local/bin/python3.9' > {HOOK}",
                                           f"chmod 755 {HOOK}"), OTHER),
    BrokenSetup("devd-hook-shadowed", (f"sed 's/carp-hast-switch/another/' {RULE} > /etc/devd/0.conf",), OTHER,
                "what the other rule is for its owner knows", by_hand=("rm /etc/devd/0.conf",)),
    BrokenSetup("devd-hook-unclear", (f"sed -i '' 's,action \"/,action \"test -e /x || /,' {RULE}",), OTHER),
    BrokenSetup("devd-hook-writable", (f"chmod 777 {HOOK}",), ONE),
)  # fmt: skip
CARP = "ifconfig vtnet1 vhid 2"
PASSWORD = {"PASSWORD": "UltraSecret"}
OF_SEGMENT = (
    BrokenSetup("setup-carp-no-password", (f"{CARP} pass ''",), BOTH, A_SECRET, PASSWORD),
    BrokenSetup("setup-carp-password-at-boot", (f"sed -i '' 's/UltraSecret/Another/' {RC_CONF}",), OTHER, A_SECRET,
                PASSWORD),
    BrokenSetup("setup-carp-password-at-boot", (f"sed -i '' 's/pass UltraSecret//' {RC_CONF}",), ONE, A_SECRET,
                PASSWORD),
    BrokenSetup("setup-vhid-taken", ("arp -s 10.1.101.1 00:00:5e:00:01:02",), ONE,
                "which numbers are free on the segment nobody else knows", by_hand=("arp -d 10.1.101.1",)),
    BrokenSetup("carp-peer-wrong", (f"{CARP} peer 10.1.101.77",), ONE, releases="14.5"),
    BrokenSetup("carp-peer-one-sided", (f"{CARP} mcast",), ONE, releases="14.5"),
)  # fmt: skip
OF_CLOCK = (
    BrokenSetup("setup-clock-not-set", ("service ntpd stop", "sysrc ntpd_enable=NO"), OTHER),
    BrokenSetup("setup-clock-stopped", ("service ntpd stop",), OTHER),
    BrokenSetup("setup-clock-no-step", ("sysrc ntpd_sync_on_start=NO",), ONE),
)  # fmt: skip
SUDOERS, KEYS = "/usr/local/etc/sudoers.d/hastwatch", "/root/.ssh/authorized_keys"
DOAS, HASTWATCH = "/usr/local/etc/doas.conf", "/usr/local/hastwatch/bin/hastwatch"
OF_PRIVILEGES = (
    BrokenSetup("setup-state-open", ("chmod 755 /var/db/hastwatch",), ONE),
    BrokenSetup("setup-config-open", (f"chmod 664 {SETTINGS}",), ONE),
    BrokenSetup("setup-config-open", (f"chown nagios:nagios {SETTINGS}",), OTHER),
    BrokenSetup("setup-sudoers-open", (f"chmod 646 {SUDOERS}",), ONE),
    BrokenSetup("setup-sudoers-other", (f"sed -i '' 's/HASTWATCH_REPAIR$/ALL/' {SUDOERS}",), OTHER),
    BrokenSetup("setup-doas-open", (f"touch {DOAS}", f"chmod 666 {DOAS}"), OTHER),
    BrokenSetup("setup-doas-other", (f"hastwatch contrib doas > {DOAS}", f"sed -i '' '/nfs --detach/d' {DOAS}"), ONE),
    BrokenSetup("setup-doas-other", (f"hastwatch contrib doas > {DOAS}",
                                     f"echo 'permit nopass nagios as root cmd {HASTWATCH}' >> {DOAS}"), OTHER),
    BrokenSetup("setup-doas-other", (f"hastwatch contrib doas --user :monitoring > {DOAS}",
                                     f"sed -i '' '/nfs --detach/d' {DOAS}"), OTHER),
    BrokenSetup("setup-doas-other", (f"hastwatch contrib doas --user :wheel > {DOAS}",), OTHER),
    BrokenSetup("setup-doas-other", (f"hastwatch contrib doas > {DOAS}", f"sed -i '' 's/nagios/x{{}}/' {DOAS}"), OTHER),
    BrokenSetup("setup-sudoers-other", (f"hastwatch contrib sudoers --user %monitoring > {SUDOERS}",
                                        f"sed -i '' 's/HASTWATCH_REPAIR$/ALL/' {SUDOERS}"), OTHER),
    BrokenSetup("setup-sudoers-other", (f"hastwatch contrib sudoers --user %wheel > {SUDOERS}",), OTHER),
    BrokenSetup("setup-doas-any", (f"hastwatch contrib doas > {DOAS}", f"echo 'permit nopass nagios' >> {DOAS}"), ONE),
    *(BrokenSetup("setup-doas-any", (f"hastwatch contrib doas --user {of} > {DOAS}", f"echo '{rule}' >> {DOAS}"), ONE)
      for of, rule in ((":monitoring", "permit nopass nagios"), (":700", "deny :nagios as root"),
                        ("181", "permit nagios # cmd"), ("nagios", 'permit nopass "nagios"'))),
    *(BrokenSetup("setup-doas-any", (f"hastwatch contrib doas > {DOAS}", f"echo '{rule}' >> {DOAS}"), OTHER)
      for rule in ("deny nagios as root", "permit nopass :nagios", "permit :monitoring as root", "permit nopass :181")),
)  # fmt: skip
A_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"
SSHD, LETS_IN = "/etc/ssh/sshd_config", "echo PermitRootLogin forced-commands-only >> /etc/ssh/sshd_config"
PERMITTED = f"echo 'restrict,command=\"exec {HASTWATCH} answer\" {A_KEY} root@nfs001' > {KEYS}"
USERS_KEYS = "/home/nagios/.ssh/authorized_keys"
OF_LOGINS = (
    *(BrokenSetup("setup-key-open", (f"echo '{options}{A_KEY} {comment}' > {KEYS}", LETS_IN), OTHER)
      for options, comment in (
          ("", "root@nfs001"), ("restrict ", "root@nfs001"), ('command="exec hastwatch answer" ', "pair"),
          ('restrict,command="exec /usr/local/hastwatch/bin/hastwatch answer; sh" ', "pair"),
          ('command="exec /usr/local/hastwatch/bin/hastwatch answer" ', "restrict"),
          ('restrict,pty,command="exec /usr/local/hastwatch/bin/hastwatch answer" ', "pair"),
          ('from="10.0.2.15,!10.0.2.16",pty,expiry-time="20300101" ', "root@nfs001"),
      )),
    *(BrokenSetup("setup-monitoring-key", (f"echo '{options}{A_KEY} {comment}' > {USERS_KEYS}",), ONE)
      for options, comment in (
          ("", "icinga"), ('restrict,command="exec sudo -n hastwatch-ask" ', "icinga"),
          (f'restrict,command="exec sudo -n {HASTWATCH} ${{SSH_ORIGINAL_COMMAND#{HASTWATCH} }}" ', "repairs"),
      )),
    *(BrokenSetup("setup-root-refused", (PERMITTED, f"echo '{line}' > {SSHD}"), OTHER)
      for line in ("#PermitRootLogin no", "PermitRootLogin no", "Port 22")),
    BrokenSetup("setup-root-password", (PERMITTED, f"echo 'PermitRootLogin yes' > {SSHD}"), OTHER),
)  # fmt: skip
STAMP = "/var/backups/home"
OF_BACKUP = (
    BrokenSetup("setup-backup-old", (f"rm {STAMP}",), ONE, "how a backup is made is the site's"),
)  # fmt: skip
GROUPS = (
    OF_SEGMENT,
    OF_CLOCK,
    OF_PRIVILEGES,
    OF_LOGINS,
    OF_BACKUP,
    OF_POINTS,
    OF_SCRIPTS,
    OF_WAYS,
    OF_WINDOW,
    OF_DEVD,
    OF_HAST_CONF,
    OF_KERNEL,
    OF_CARP,
    OF_RC,
    OF_EXPORTS,
)
CASES = tuple(case for group in GROUPS for case in group)
QUICK = [group[0] for group in GROUPS]
"""One of each group; the others are slow together."""
