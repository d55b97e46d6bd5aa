//! A small generator of pseudo-random numbers (SplitMix64): the corpus must be the same for ever, whatever crates do.

/// The generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5354_4552_4e41)
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The high half of the product: no division, and even enough for mail.
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// The index of an element among `length`; `None` if there is none.
    pub fn pick_index(&mut self, length: usize) -> Option<usize> {
        (length > 0).then(|| self.below(length as u64) as usize)
    }

    /// An element of a list that is not empty.
    pub fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        self.pick_index(list.len()).and_then(|i| list.get(i)).copied().unwrap_or_default()
    }

    /// From 0 (excluded) to 1.
    fn unit(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// Lognormal: half of the values lie below `median`; `sigma` is the deviation of the logarithm. At most `cap`.
    pub fn lognormal(&mut self, median: f64, sigma: f64, cap: usize) -> usize {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        ((median * (sigma * normal).exp()) as usize).min(cap)
    }

    /// So many bytes without any pattern.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_lognormal_lies_below_its_median() {
        let mut rng = Rng::new(1);
        let below = (0..10_000).filter(|_| rng.lognormal(1000.0, 1.2, usize::MAX) < 1000).count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }

    #[test]
    fn numbers_stay_below_their_limit() {
        let mut rng = Rng::new(2);
        assert!((0..1_000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.pick_index(0), None);
    }
}
