//! Which hypervisor, if any, in the vocabulary of systemd-detect-virt.

use std::fs;

/// First match wins: clouds name themselves as vendor over a generic product.
const NAMES: &[(&str, &str)] = &[
    ("Amazon EC2", "amazon"),
    ("Google", "google"),
    ("KVM", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("innotek", "oracle"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("Microsoft Corporation Virtual Machine", "microsoft"),
];

pub(super) fn detect() -> Option<String> {
    let read =
        |name: &str| fs::read_to_string(format!("/sys/class/dmi/id/{name}")).unwrap_or_default();
    let firmware = format!("{} {}", read("sys_vendor").trim(), read("product_name").trim());
    let cpu = fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(classify(&firmware, &cpu).to_owned())
}

/// `firmware` is "vendor product"; a bare-metal cloud machine names its vendor
/// too, so that the processor's hypervisor flag decides first.
fn classify(firmware: &str, cpu: &str) -> &'static str {
    let hypervisor = cpu
        .lines()
        .filter(|line| line.starts_with("flags") || line.starts_with("Features"))
        .any(|line| line.split_whitespace().any(|flag| flag == "hypervisor"));
    // Arm processors have no such flag: there the firmware alone speaks.
    let has_flag = cpu.lines().any(|line| line.starts_with("flags"));
    if has_flag && !hypervisor {
        return "none";
    }
    let known = NAMES.iter().find(|(mark, _)| firmware.contains(mark)).map(|(_, name)| *name);
    known.unwrap_or(if hypervisor { "vm-other" } else { "none" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_flag_decides_and_the_firmware_names() {
        let guest = "flags : fpu hypervisor sse";
        let metal = "flags : fpu sse";
        assert_eq!(classify("Amazon EC2 m5.large", guest), "amazon");
        assert_eq!(classify("Amazon EC2 m5.metal", metal), "none");
        assert_eq!(classify("QEMU Standard PC", guest), "qemu");
        assert_eq!(classify(" ", guest), "vm-other");
        assert_eq!(classify("Dell Inc. PowerEdge", metal), "none");
        assert_eq!(classify("QEMU Virtual Machine", "Features : fp asimd"), "qemu");
    }
}
