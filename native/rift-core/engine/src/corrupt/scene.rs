//! What a corruption sees of one image, and the way back to bytes.

use rand_chacha::ChaCha8Rng;

/// One image and what belongs to it.
pub(super) struct Scene<'a> {
    /// Three planes of side×side bytes: red, green, blue.
    pub pixels: &'a [u8],
    /// Height and width, 32 or 64.
    pub side: usize,
    /// Severity − 1, 0 to 4.
    pub level: usize,
    /// The image's own stream.
    pub rng: ChaCha8Rng,
}

impl Scene<'_> {
    /// The constant of this size and severity.
    pub fn choose<T: Copy>(&self, at_32: [T; 5], at_64: [T; 5]) -> T {
        if self.side == 32 {
            at_32[self.level]
        } else {
            at_64[self.level]
        }
    }

    /// Pixels in one plane.
    pub fn area(&self) -> usize {
        self.side * self.side
    }

    /// Plane `channel` in [0,1].
    pub fn plane(&self, channel: usize) -> Vec<f64> {
        self.pixels[channel * self.area()..(channel + 1) * self.area()].iter().map(|&byte| unit(byte)).collect()
    }

    /// Red, green and blue of pixel `at` in [0,1].
    pub fn colour(&self, at: usize) -> [f64; 3] {
        [unit(self.pixels[at]), unit(self.pixels[at + self.area()]), unit(self.pixels[at + 2 * self.area()])]
    }
}

/// A byte in [0,1].
pub(super) fn unit(byte: u8) -> f64 {
    f64::from(byte) / 255.0
}

/// A value in [0,1] as a byte: clipped, scaled, truncated.
pub(super) fn byte(value: f64) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0) as u8
}

/// [`byte`] in single precision, for corruptions that the source computes so.
pub(super) fn byte32(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0) as u8
}

/// Index of a line of `count` samples mirrored about its ends, the end samples twice (… b a | a b … y z | z y …).
pub(super) fn reflect(at: i64, count: usize) -> usize {
    let at = at.rem_euclid(2 * count as i64) as usize;
    at.min(2 * count - 1 - at)
}

/// Index of a line of `count` samples mirrored about its end samples (… c b | a b … y z | y x …).
pub(super) fn reflect_101(at: i64, count: usize) -> usize {
    let period = 2 * count - 2;
    let at = at.rem_euclid(period as i64) as usize;
    at.min(period - at)
}
