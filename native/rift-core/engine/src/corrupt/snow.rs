//! Snow: streaks of flakes over a whitened image.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::filter::motion;
use super::scene::{byte, Scene};
use super::zoom::Zoom;

struct Fall {
    mean: f64,
    deviation: f64,
    zoom: f64,
    threshold: f64,
    radius: usize,
    sigma: f64,
}

const fn fall(mean: f64, deviation: f64, zoom: f64, threshold: f64, radius: usize, sigma: f64) -> Fall {
    Fall { mean, deviation, zoom, threshold, radius, sigma }
}

/// The two sizes differ in `keep` only.
const FALLS: [Fall; 5] = [
    fall(0.1, 0.2, 1.0, 0.6, 8, 3.0),
    fall(0.1, 0.2, 1.0, 0.5, 10, 4.0),
    fall(0.15, 0.3, 1.75, 0.55, 10, 4.0),
    fall(0.25, 0.3, 2.25, 0.6, 12, 6.0),
    fall(0.3, 0.3, 1.25, 0.65, 14, 12.0),
];

/// The image, mixed with a brighter grey one, plus a layer of flakes and the same layer upside down.
pub(super) fn snow(scene: &mut Scene, out: &mut [u8]) {
    let keep: f32 = scene.choose([0.95, 0.9, 0.9, 0.85, 0.8], [0.8, 0.8, 0.7, 0.65, 0.6]);
    let flakes = flakes(scene);
    let area = scene.area();
    for at in 0..area {
        let [red, green, blue] = scene.colour(at).map(|value| value as f32);
        let bright = (0.299 * red + 0.587 * green + 0.114 * blue) * 1.5 + 0.5;
        let fallen = f64::from(flakes[at]) / 255.0 + f64::from(flakes[area - 1 - at]) / 255.0;
        for (channel, value) in [red, green, blue].into_iter().enumerate() {
            let whitened = keep * value + (1.0 - keep) * value.max(bright);
            out[channel * area + at] = byte(f64::from(whitened) + fallen);
        }
    }
}

/// Normal noise, zoomed, what is under the threshold removed, as bytes, blurred along a steep direction.
fn flakes(scene: &mut Scene) -> Vec<u8> {
    let fall = &FALLS[scene.level];
    let mut draw = || -> f64 { StandardNormal.sample(&mut scene.rng) };
    let field: Vec<f64> = (0..scene.side * scene.side).map(|_| fall.mean + fall.deviation * draw()).collect();
    let mut grains = vec![0u8; field.len()];
    Zoom::new(scene.side, fall.zoom).of(&field, |at, value| {
        grains[at] = if value < fall.threshold { 0 } else { byte(value) };
    });
    let mut flakes = vec![0u8; field.len()];
    let angle = scene.rng.random_range(-135.0..-45.0);
    motion(&grains, scene.side, fall.radius, fall.sigma, angle, &mut flakes);
    flakes
}
