//! Noise drawn for each channel value on its own.

use rand::Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

use super::scene::{byte, unit, Scene};

/// x + N(0, σ).
pub(super) fn gaussian_noise(scene: &mut Scene, out: &mut [u8]) {
    let sigma = scene.choose([0.04, 0.06, 0.08, 0.09, 0.10], [0.04, 0.08, 0.12, 0.15, 0.18]);
    for (&pixel, out) in scene.pixels.iter().zip(out) {
        let noise: f64 = StandardNormal.sample(&mut scene.rng);
        *out = byte(unit(pixel) + sigma * noise);
    }
}

/// x + x·N(0, σ).
pub(super) fn speckle_noise(scene: &mut Scene, out: &mut [u8]) {
    let sigma = scene.choose([0.06, 0.10, 0.12, 0.16, 0.20], [0.15, 0.20, 0.25, 0.30, 0.35]);
    for (&pixel, out) in scene.pixels.iter().zip(out) {
        let noise: f64 = StandardNormal.sample(&mut scene.rng);
        *out = byte(unit(pixel) + unit(pixel) * sigma * noise);
    }
}

/// Poisson(x·λ) / λ.
pub(super) fn shot_noise(scene: &mut Scene, out: &mut [u8]) {
    let lambda = scene.choose([500.0, 250.0, 100.0, 75.0, 50.0], [250.0, 100.0, 50.0, 30.0, 15.0]);
    // No event is ever seen of a black pixel, and the distribution does not exist for a rate of 0.
    let counts: Vec<Option<Poisson<f64>>> = (0..=255).map(|pixel| Poisson::new(unit(pixel) * lambda).ok()).collect();
    for (&pixel, out) in scene.pixels.iter().zip(out) {
        let count = counts[usize::from(pixel)].map_or(0.0, |distribution| distribution.sample(&mut scene.rng));
        *out = byte(count / lambda);
    }
}

/// Each channel value becomes 0 or 1, half each, with probability `amount`.
pub(super) fn impulse_noise(scene: &mut Scene, out: &mut [u8]) {
    let amount = scene.choose([0.01, 0.02, 0.03, 0.05, 0.07], [0.01, 0.02, 0.05, 0.08, 0.14]);
    for (&pixel, out) in scene.pixels.iter().zip(out) {
        let (hit, salt): (f64, bool) = (scene.rng.random(), scene.rng.random());
        *out = match (hit < amount, salt) {
            (false, _) => byte(unit(pixel)),
            (true, true) => 255,
            (true, false) => 0,
        };
    }
}
