//! Counting tests by what the runners print.

/// Tests that passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Outcome {
    /// Sums every `test result: … N passed; N failed; …` line of libtest.
    pub(crate) fn of_libtest(text: &str) -> Self {
        text.lines().filter(|line| line.starts_with("test result:")).fold(
            Self::default(),
            |sum, line| Self {
                passed: sum.passed + count_before(line, " passed"),
                failed: sum.failed + count_before(line, " failed"),
            },
        )
    }

    /// One stage that is not a test suite counts as one test.
    pub(crate) fn of_stage(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed) }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn count_before(line: &str, word: &str) -> u64 {
    line.find(word)
        .and_then(|end| line[..end].rsplit(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn sums_the_closing_lines_of_libtest() {
        let text = "test a ... ok\n\
            test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured\n";
        assert_eq!(Outcome::of_libtest(text), Outcome { passed: 15, failed: 2 });
    }
}
