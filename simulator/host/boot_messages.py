"""What the kernel of a node says at boot, as recorded on the emulated machines (the last lines before CARP begins)."""

from __future__ import annotations

TEMPLATE = """virtio_pci0: <VirtIO PCI (legacy) Block adapter> port 0xc000-0xc07f mem 0xfebfb000-0xfebfbfff,\
0xfebe4000-0xfebe7fff irq 10 at device 2.0 on pci0
vtblk0: <VirtIO Block Adapter> on virtio_pci0
vtblk0: 4130MB (8458290 512 byte sectors)
virtio_pci1: <VirtIO PCI (legacy) Block adapter> port 0xc080-0xc0ff mem 0xfebfc000-0xfebfcfff,\
0xfebe8000-0xfebebfff irq 11 at device 3.0 on pci0
vtblk1: <VirtIO Block Adapter> on virtio_pci1
vtblk1: 256MB (524288 512 byte sectors)
virtio_pci2: <VirtIO PCI (legacy) Network adapter> port 0xc100-0xc11f mem 0xfebfd000-0xfebfdfff,\
0xfebec000-0xfebeffff irq 11 at device 4.0 on pci0
vtnet0: <VirtIO Networking Adapter> on virtio_pci2
vtnet0: Ethernet address: 52:54:00:0a:00:0{number}
virtio_pci3: <VirtIO PCI (legacy) Network adapter> port 0xc120-0xc13f mem 0xfebfe000-0xfebfefff,\
0xfebf0000-0xfebf3fff irq 10 at device 5.0 on pci0
vtnet1: <VirtIO Networking Adapter> on virtio_pci3
vtnet1: Ethernet address: 52:54:00:0a:65:0{number}
virtio_pci4: <VirtIO PCI (legacy) Entropy adapter> port 0xc140-0xc15f mem 0xfebff000-0xfebfffff,\
0xfebf4000-0xfebf7fff irq 10 at device 6.0 on pci0
vtrnd0: <VirtIO Entropy Adapter> on virtio_pci4
random: registering fast source VirtIO Entropy Adapter
acpi_syscontainer0: <System Container> on acpi0
acpi_syscontainer1: <System Container> port 0xaf00-0xaf0b on acpi0
acpi_syscontainer2: <System Container> port 0xafe0-0xafe3 on acpi0
acpi_syscontainer3: <System Container> port 0xae00-0xae17 on acpi0
atkbdc0: <Keyboard controller (i8042)> port 0x60,0x64 irq 1 on acpi0
atkbd0: <AT Keyboard> irq 1 on atkbdc0
kbd0 at atkbd0
atkbd0: [GIANT-LOCKED]
uart0: <16550 or compatible> port 0x3f8-0x3ff irq 4 flags 0x10 on acpi0
uart0: console (115200,n,8,1)
orm0: <ISA Option ROM> at iomem 0xe8800-0xeffff pnpid ORM0000 on isa0
vga0: <Generic ISA VGA> at port 0x3b0-0x3bb iomem 0xb0000-0xb7fff pnpid PNP0900 on isa0
attimer0: <AT timer> at port 0x40 on isa0
Timecounter "i8254" frequency 1193182 Hz quality 0
Event timer "i8254" frequency 1193182 Hz quality 100
Timecounter "TSC-low" frequency 1222715750 Hz quality 800
Timecounters tick every 10.000 msec
Trying to mount root from ufs:/dev/gpt/rootfs [rw]...
random: unblocking device.
lo0: link state changed to UP
vtnet0: link state changed to UP
vtnet1: link state changed to UP
"""


def boot_messages(number: int) -> list[str]:
    """The lines of node 1 or 2."""
    return TEMPLATE.format(number=number).strip().split("\n")
