//! Which frames are lost.

use super::random::Random;

/// How frames are lost; a share is a probability from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// None is.
    #[default]
    None,
    /// Each with the same probability, whatever happened to the others.
    Random {
        /// Probability for each frame.
        share: f64,
    },
    /// In bursts: a Markov chain of two states that may change before each frame
    /// (Gilbert 1960, Elliott 1963).  A burst lasts `1 / to_good` frames on average.
    GilbertElliott {
        /// Probability of going from the good state to the bad one.
        to_bad: f64,
        /// Probability of going from the bad state to the good one.
        to_good: f64,
        /// Probability of losing a frame in the good state (Gilbert: 0).
        good_share: f64,
        /// Probability of losing a frame in the bad state.
        bad_share: f64,
    },
}

impl Loss {
    /// The share of frames that is lost in the long run.
    pub fn mean_share(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Random { share } => share,
            // Neither state is ever left: it stays in the good one.
            Self::GilbertElliott { to_bad: 0.0, good_share, .. } => good_share,
            Self::GilbertElliott { to_bad, to_good, good_share, bad_share } => {
                (to_good * good_share + to_bad * bad_share) / (to_bad + to_good)
            }
        }
    }
}

/// Decides frame by frame; the n-th decision depends on seed and n only.
#[derive(Debug, Clone)]
pub(super) struct Losses {
    loss: Loss,
    random: Random,
    bad: bool,
}

impl Losses {
    pub(super) fn new(loss: Loss, random: Random) -> Self {
        Self { loss, random, bad: false }
    }

    /// Whether the next frame is lost.
    pub(super) fn next(&mut self) -> bool {
        match self.loss {
            Loss::None => false,
            Loss::Random { share } => self.random.share() < share,
            Loss::GilbertElliott { to_bad, to_good, good_share, bad_share } => {
                let leaves = if self.bad { to_good } else { to_bad };
                self.bad ^= self.random.share() < leaves;
                self.random.share() < if self.bad { bad_share } else { good_share }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: usize = 200_000;

    fn lost(loss: Loss, seed: u64) -> Vec<bool> {
        let mut losses = Losses::new(loss, Random::new(seed, 0));
        (0..FRAMES).map(|_| losses.next()).collect()
    }

    fn share(lost: &[bool]) -> f64 {
        lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64
    }

    #[test]
    fn random_loss_has_its_share_and_no_memory() {
        for probability in [0.001, 0.01, 0.3, 1.0] {
            let lost = lost(Loss::Random { share: probability }, 1);
            // Five standard deviations of the binomial distribution.
            let bound = 5.0 * (probability * (1.0 - probability) / FRAMES as f64).sqrt();
            assert!((share(&lost) - probability).abs() <= bound, "{}", share(&lost));
            let after_loss: Vec<bool> =
                lost.windows(2).filter(|pair| pair[0]).map(|pair| pair[1]).collect();
            let bound = 5.0 * (probability / after_loss.len() as f64).sqrt();
            assert!((share(&after_loss) - probability).abs() <= bound, "{}", share(&after_loss));
        }
    }

    #[test]
    fn bursts_have_their_mean_length_and_their_share() {
        let loss =
            Loss::GilbertElliott { to_bad: 0.005, to_good: 0.1, good_share: 0.0, bad_share: 1.0 };
        let lost = lost(loss, 1);
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        let length = lost.iter().filter(|lost| **lost).count() as f64 / bursts as f64;
        // About 950 bursts whose length is geometric: its deviation is its mean.
        assert!((length - 10.0).abs() < 5.0 * 10.0 / 950_f64.sqrt(), "{length}");
        assert!((share(&lost) - loss.mean_share()).abs() < 0.1 * loss.mean_share());
    }

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let loss = Loss::Random { share: 0.1 };
        assert_eq!(lost(loss, 3), lost(loss, 3));
        assert_ne!(lost(loss, 3), lost(loss, 4));
    }
}
