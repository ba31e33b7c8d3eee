//! The processor's name.

use std::fs;

/// The model as the processor names itself; Arm processors do not.
pub(crate) fn processor_model() -> Option<String> {
    fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(model)
}

fn model(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_one_of_the_first_processor() {
        let text = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)\n";
        assert_eq!(model(text).as_deref(), Some("Intel(R) Xeon(R)"));
        assert_eq!(model("processor\t: 0\nCPU part\t: 0xd0c\n"), None);
    }
}
