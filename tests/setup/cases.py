"""Each finding of the audit: the setting that is broken for it."""

from __future__ import annotations

from tests.setup.audited import BrokenSetup

HAST_CONF = "/etc/hast.conf"
RC_CONF, NETIF = "/etc/rc.conf", "/etc/rc.conf.d/netif"
BOTH = ("nfs001", "nfs002")
ONE, OTHER = ("nfs001",), ("nfs002",)

OF_HAST_CONF = (
    BrokenSetup("setup-hast-conf-refused", (f"sed -i '' 's/fullsync/fulsync/' {HAST_CONF}",), OTHER,
                (f"sed -i '' 's/fulsync/fullsync/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-conf-differs", (f"sed -i '' 's/lzf/hole/' {HAST_CONF}",), OTHER,
                (f"sed -i '' 's/hole/lzf/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-remote", (f"sed -i '' 's/10.1.101.4/10.1.101.5/' {HAST_CONF}",), BOTH,
                (f"sed -i '' 's/10.1.101.5/10.1.101.4/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-missing", (f"sed -i '' '/exec/d' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-missing", (f"sed -i '' 's|exec .*|exec /usr/local/sbin/carp-log|' {HAST_CONF}",)),
    BrokenSetup("setup-hast-exec-broken", ("rm /usr/local/sbin/hastwatch-hast-event",), OTHER),
    BrokenSetup("setup-hast-exec-broken", ("chmod 644 /usr/local/sbin/hastwatch-hast-event",), ONE),
    BrokenSetup("setup-hast-timeout", (f"sed -i '' 's/timeout 10/timeout 60/' {HAST_CONF}",)),
    BrokenSetup("setup-hast-replication", (f"sed -i '' 's/fullsync/async/' {HAST_CONF}",), BOTH,
                (f"sed -i '' 's/async/fullsync/' {HAST_CONF}",)),
)  # fmt: skip
OF_KERNEL = (
    BrokenSetup("setup-preempt-off", ("sysctl net.inet.carp.preempt=0",)),
    BrokenSetup("setup-carp-forbidden", ("sysctl net.inet.carp.allow=0",)),
    BrokenSetup("setup-nfs2-allowed", ("sysctl vfs.nfsd.server_min_nfsvers=2",)),
    BrokenSetup("setup-sysctl-boot", ("sed -i '' '/preempt/d' /etc/sysctl.conf",), ONE),
    BrokenSetup("setup-sysctl-boot", ("sed -i '' '/min_nfsvers/d' /etc/sysctl.conf",), OTHER),
    BrokenSetup("setup-sysctl-boot", ("echo net.inet.carp.allow=0 >> /etc/sysctl.conf",), OTHER),
    BrokenSetup("setup-sysctl-differs", ("sysctl net.inet.carp.ifdown_demotion_factor=0",), ONE,
                ("sysctl net.inet.carp.ifdown_demotion_factor=240",)),
    BrokenSetup("setup-carp-at-boot", ("sed -i '' '/carp_load/d' /boot/loader.conf",), OTHER),
    BrokenSetup("setup-geom-gate", ("rm /boot/kernel/geom_gate.ko", "kldunload geom_gate"), OTHER,
                ("cp /boot/kernel/carp.ko /boot/kernel/geom_gate.ko", "kldload geom_gate"), typed=False),
)  # fmt: skip
OF_CARP = (
    BrokenSetup("setup-no-vhid", ("ifconfig vtnet1 10.1.101.5 -alias",), OTHER,
                ("ifconfig vtnet1 inet vhid 2 advskew 10 pass UltraSecret alias 10.1.101.5/32",), typed=False),
    BrokenSetup("setup-advskew-at-boot", (
        f"grep vhid {RC_CONF} > {NETIF}", f"sed -i '' '/vhid/d' {RC_CONF}", f"sed -i '' 's/skew 10/skew 100/' {NETIF}",
    ), ONE),
    BrokenSetup("setup-advskew-at-boot", (f"sed -i '' 's/advskew 10/advskew 100/' {RC_CONF}",), OTHER),
    BrokenSetup("setup-advskew-differs", (f"sed -i '' 's/advskew 10/advskew 20/' {RC_CONF}",
                                          "ifconfig vtnet1 vhid 2 advskew 20"), OTHER),
)  # fmt: skip
OF_RC = (
    *(BrokenSetup("setup-service-disabled", (f"sysrc {name}=NO",), ONE) for name in (
        "hastd_enable", "devd_enable", "rpcbind_enable", "rpc_statd_enable", "rpc_lockd_enable", "cron_enable",
        "hastwatch_enable", "hastwatch_hold_enable",
    )),
    BrokenSetup("setup-nfs-at-boot", ("sysrc mountd_enable=YES",), OTHER),
    BrokenSetup("setup-nfs-at-boot", ("sysrc nfs_server_enable=YES",), ONE),
    BrokenSetup("setup-mountd-flags", ("sysrc mountd_flags=-S",)),
    BrokenSetup("setup-nfsd-without-tcp", ("sysrc nfs_server_flags='-u -h 10.1.101.5'",), BOTH,
                ("sysrc nfs_server_flags=-t",), typed=False),
    BrokenSetup("setup-nfsd-udp", ("sysrc nfs_server_flags='-u -t'",), BOTH,
                ("sysrc nfs_server_flags='-u -t -h 10.1.101.5'",), typed=False),
    BrokenSetup("setup-nfs-differs", ("sysrc nfs_server_flags='-u -t -n 16 -h 10.1.101.5'",), ONE,
                ("sysrc nfs_server_flags='-u -t -h 10.1.101.5'",)),
    BrokenSetup("setup-service-jail", ("sysrc svcj_all_enable=YES",), OTHER, releases="15.1+D57511"),
)  # fmt: skip
OF_EXPORTS = (
    BrokenSetup("setup-exports-missing", ("cp /etc/exports /root/exports", "rm /etc/exports"), OTHER,
                ("cp /root/exports /etc/exports",), typed=False),
    BrokenSetup("setup-export-refused", ("echo '/hast/home -nonsense' >> /etc/exports",), BOTH,
                ("sed -i '' '/nonsense/d' /etc/exports",), typed=False),
    BrokenSetup("setup-export-outside", ("echo '/usr/home -network 10.1.101.0/24' >> /etc/exports",), BOTH,
                ("sed -i '' '/usr/d' /etc/exports",), typed=False),
    BrokenSetup("setup-export-everyone", ("sed -i '' 's/-network 10.1.101.0.24//' /etc/exports",), BOTH,
                ("sed -i '' 's/home/home -network 10.1.101.0|24/' /etc/exports", "sed -i '' 's,[|],/,' /etc/exports"),
                typed=False),
    BrokenSetup("setup-exports-differ", ("sed -i '' 's/-maproot=root/-maproot=nobody/' /etc/exports",), OTHER,
                ("sed -i '' 's/-maproot=nobody/-maproot=root/' /etc/exports",), typed=False),
)  # fmt: skip
POINT, SETTINGS = "/hast/home", "/usr/local/etc/hastwatch.toml"
OF_POINTS = (
    BrokenSetup("setup-point-missing", (f"rmdir {POINT}",), OTHER),
    BrokenSetup("setup-point-writable", (f"chflags noschg {POINT}",), OTHER),
    BrokenSetup("setup-point-not-empty", (f"chflags noschg {POINT}", f"touch {POINT}/mail", f"chflags schg {POINT}"),
                OTHER, (f"chflags noschg {POINT}", f"rm {POINT}/mail", f"chflags schg {POINT}"), typed=False),
)  # fmt: skip
OF_SCRIPTS = (
    *(BrokenSetup("setup-hastctl-create", (f"echo '{line}' >> {path}",), ONE, (f"sed -i '' '/hastctl/d' {path}",))
      for path, line in (
          ("/etc/rc.local", "hastctl create home"), ("/var/cron/tabs/root", "@reboot hastctl create home"),
          ("/etc/crontab", "@reboot root /sbin/hastctl -d create -k 64 home"),
          ("/usr/local/sbin/start-hast", " hastctl create home"),
      )),
    BrokenSetup("setup-rc-script", ("rm /usr/local/etc/rc.d/hastwatch",), OTHER),
    BrokenSetup("setup-rc-script", ("chmod 644 /usr/local/etc/rc.d/hastwatch_hold",), ONE),
    *(BrokenSetup("setup-rc-order", (f"sed -i '' '/{line}/d' /usr/local/etc/rc.d/{script}",), OTHER)
      for script, line in (("hastwatch_hold", "BEFORE"), ("hastwatch", "REQUIRE"), ("hastwatch", "KEYWORD"))),
    BrokenSetup("setup-cron-job", ("rm /etc/cron.d/hastwatch",), OTHER),
    BrokenSetup("setup-cron-job", ("sed -i '' 's/^[*]/#*/' /etc/cron.d/hastwatch",), OTHER),
)  # fmt: skip
OF_WAYS = (
    BrokenSetup("setup-no-peer", (f"sed -i '' 's/^peer/#peer/' {SETTINGS}",), ONE,
                (f"sed -i '' 's/#peer/peer/' {SETTINGS}",), typed=False),
    BrokenSetup("setup-no-management", (f"sed -i '' 's/^management/#management/' {SETTINGS}",), OTHER,
                (f"sed -i '' 's/#management/management/' {SETTINGS}",)),
    BrokenSetup("setup-no-witness", (f"sed -i '' 's/^witness/#witness/' {SETTINGS}",), OTHER,
                (f"sed -i '' 's/#witness/witness/' {SETTINGS}",)),
)  # fmt: skip
OF_WINDOW = (
    *(BrokenSetup("setup-data-window", (f"sysctl {name}=30",), ONE) for name in (
        "kern.filedelay", "kern.dirdelay", "kern.metadelay",
    )),
    BrokenSetup("setup-data-window-boot", ("sed -i '' '/filedelay/d' /etc/sysctl.conf",), OTHER),
)  # fmt: skip
RULE, HOOK = "/etc/devd/carp.conf", "/usr/local/sbin/carp-hast-switch"
RULES = (f"cp {RULE} /root/carp.conf",)
BACK = (f"cp /root/carp.conf {RULE}",)
OF_DEVD = (
    BrokenSetup("devd-configuration-refused", (*RULES, f"echo 'notify 30 (' >> {RULE}"), OTHER, BACK),
    BrokenSetup("devd-hook-missing", (*RULES, f"sed -i '' 's/carp-hast-switch/another/' {RULE}"), OTHER, BACK),
    BrokenSetup("devd-hook-unmatched", (*RULES, f"sed -i '' 's/MASTER|BACKUP/MASTER/' {RULE}"), OTHER, BACK),
    BrokenSetup("devd-hook-arguments", (*RULES, f"sed -i '' 's/[$]subsystem [$]type/x/' {RULE}"), OTHER, BACK),
    BrokenSetup("devd-hook-not-executable", (f"chmod 644 {HOOK}",), OTHER, (f"chmod 755 {HOOK}",), typed=False),
    BrokenSetup("devd-hook-cannot-start", (f"cp {HOOK} /root/hook", f"echo '#!/usr/local/bin/python3.9' > {HOOK}"),
                OTHER, (f"cp /root/hook {HOOK}",), typed=False),
    BrokenSetup("devd-hook-shadowed", (f"sed 's/carp-hast-switch/another/' {RULE} > /etc/devd/0.conf",), OTHER,
                ("rm /etc/devd/0.conf",)),
    BrokenSetup("devd-hook-unclear", (*RULES, f"sed -i '' 's,action \"/,action \"test -e /x || /,' {RULE}"), OTHER,
                BACK),
    BrokenSetup("devd-hook-writable", (f"chmod 777 {HOOK}",), ONE, (f"chmod 755 {HOOK}",), typed=False),
)  # fmt: skip
CARP = "ifconfig vtnet1 vhid 2"
OF_SEGMENT = (
    BrokenSetup("setup-carp-no-password", (f"{CARP} pass ''",), BOTH, (f"{CARP} pass UltraSecret",), typed=False),
    BrokenSetup("setup-carp-password-at-boot", (f"sed -i '' 's/UltraSecret/Another/' {RC_CONF}",), OTHER,
                (f"sed -i '' 's/Another/UltraSecret/' {RC_CONF}",)),
    BrokenSetup("setup-carp-password-at-boot", (f"sed -i '' 's/pass UltraSecret//' {RC_CONF}",), ONE,
                (f"sed -i '' 's/advskew 10/advskew 10 pass UltraSecret/' {RC_CONF}",)),
    BrokenSetup("setup-vhid-taken", ("arp -s 10.1.101.1 00:00:5e:00:01:02",), ONE, ("arp -d 10.1.101.1",), typed=False),
    BrokenSetup("carp-peer-wrong", (f"{CARP} peer 10.1.101.77",), ONE, (f"{CARP} mcast",), typed=False,
                releases="14.5"),
    BrokenSetup("carp-peer-one-sided", (f"{CARP} peer 10.1.101.4",), ONE, (f"{CARP} mcast",), typed=False,
                releases="14.5"),
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
    BrokenSetup("setup-doas-any", (f"hastwatch contrib doas > {DOAS}", f"echo 'permit nopass nagios' >> {DOAS}"), ONE),
    BrokenSetup("setup-doas-any", (f"hastwatch contrib doas > {DOAS}", f"echo 'deny nagios as root' >> {DOAS}"), OTHER),
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
      )),
    *(BrokenSetup("setup-monitoring-key", (f"echo '{options}{A_KEY} {comment}' > {USERS_KEYS}",), ONE)
      for options, comment in (
          ("", "icinga"), ('restrict,command="exec sudo -n hastwatch-ask" ', "icinga"),
          (f'restrict,command="exec sudo -n {HASTWATCH} ${{SSH_ORIGINAL_COMMAND#{HASTWATCH} }}" ', "repairs"),
      )),
    BrokenSetup("setup-root-refused", (PERMITTED, f"echo '#PermitRootLogin no' > {SSHD}"), OTHER),
    BrokenSetup("setup-root-refused", (PERMITTED, f"echo 'PermitRootLogin no' > {SSHD}"), OTHER),
    BrokenSetup("setup-root-password", (PERMITTED, f"echo 'PermitRootLogin yes' > {SSHD}"), OTHER),
)  # fmt: skip
STAMP = "/var/backups/home"
OF_BACKUP = (
    BrokenSetup("setup-backup-old", (f"rm {STAMP}",), ONE),
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
QUICK = {group[0] for group in GROUPS}
"""One of each group; the others are slow together."""
