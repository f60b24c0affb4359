"""What stands between this process and the hardware: a hypervisor, a container."""

import re
from pathlib import Path

from runners.device import cpu, files

_DMI = (
    ("kvm", "kvm"),
    ("qemu", "qemu"),
    ("vmware", "vmware"),
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("bochs", "bochs"),
    ("google compute engine", "google"),
    ("apple virtualization", "apple"),
    ("virtual machine", "hyper-v"),
    ("openstack", "openstack"),
    ("amazon ec2", "amazon"),
)
_CLOCKS = (("kvm-clock", "kvm"), ("hyperv_clocksource", "hyper-v"), ("xen", "xen"))


def hypervisor(root: Path = files.ROOT) -> tuple[bool | None, str | None]:
    """
    Whether this is a virtual machine, and of which kind.

    Any one sign is enough for yes. No needs the CPU's own word, the x86 hypervisor flag being absent; without it (Arm
    boards) a device tree or DMI table that names the hardware says no.
    """
    name = _named(root)
    flag = cpu.has_hypervisor_flag(root)
    if name is not None or flag:
        return True, name or "unknown"
    if flag is False or product(root) is not None:
        return False, None
    return None, None


def _named(root: Path) -> str | None:
    if "microsoft" in (files.text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "hyper-v (wsl)"
    kind = files.text(root / "sys/hypervisor/type")
    if kind is not None and "control_d" not in (files.text(root / "proc/xen/capabilities") or ""):
        return kind
    tree = files.text(root / "proc/device-tree/hypervisor/compatible")
    if tree is not None:
        return tree.split("\0")[0].removeprefix("linux,")
    dmi = _dmi(root).lower()
    if ".metal" not in dmi:  # a bare cloud server carries the provider's name, too
        for sign, name in _DMI:
            if sign in dmi:
                return name
    clocks = files.text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    return next((name for sign, name in _CLOCKS if sign in clocks), None)


def _dmi(root: Path) -> str:
    folder = root / "sys/class/dmi/id"
    words = (files.text(folder / name) for name in ("sys_vendor", "product_name", "board_vendor", "bios_vendor"))
    return " | ".join(word for word in words if word)


def product(root: Path = files.ROOT) -> str | None:
    """The machine's model as its maker wrote it down: DMI, or the device tree of a board."""
    folder = root / "sys/class/dmi/id"
    words = [files.text(folder / name) for name in ("sys_vendor", "product_name")]
    known = [word for word in words if word and "to be filled" not in word.lower()]
    return " ".join(known) or files.text(root / "proc/device-tree/model")


def container(root: Path = files.ROOT) -> str | None:
    """The kind of container around this process; None outside, where no sign is known."""
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    groups = files.text(root / "proc/self/cgroup") or ""
    found = re.search(r"/(docker|kubepods|lxc|libpod|containerd)[/.-]", groups)
    if found:
        return {"kubepods": "kubernetes", "libpod": "podman"}.get(found[1], found[1])
    return files.text(root / "run/systemd/container")
