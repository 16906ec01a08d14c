//! Changes of brightness, saturation and contrast.

use super::scene::{byte, Scene};

/// HSV value + c.
pub(super) fn brightness(scene: &mut Scene, out: &mut [u8]) {
    let shift = scene.choose([0.05, 0.1, 0.15, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5]);
    through_hsv(scene, out, |[hue, saturation, value]| [hue, saturation, (value + shift).clamp(0.0, 1.0)]);
}

/// HSV saturation · gain + offset.
pub(super) fn saturate(scene: &mut Scene, out: &mut [u8]) {
    let (gain, offset) = scene.choose(
        [(0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2)],
        [(0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (30.0, 0.2)],
    );
    through_hsv(scene, out, |[hue, saturation, value]| [hue, (saturation * gain + offset).clamp(0.0, 1.0), value]);
}

/// (x − m)·c + m, where m is the mean of the channel.
pub(super) fn contrast(scene: &mut Scene, out: &mut [u8]) {
    let gain = scene.choose([0.75, 0.5, 0.4, 0.3, 0.15], [0.4, 0.3, 0.2, 0.1, 0.05]);
    for (channel, target) in out.chunks_exact_mut(scene.area()).enumerate() {
        let plane = scene.plane(channel);
        let mean = plane.iter().sum::<f64>() / plane.len() as f64;
        for (out, value) in target.iter_mut().zip(&plane) {
            *out = byte((value - mean) * gain + mean);
        }
    }
}

fn through_hsv(scene: &Scene, out: &mut [u8], change: impl Fn([f64; 3]) -> [f64; 3]) {
    let area = scene.area();
    for at in 0..area {
        let colour = from_hsv(change(to_hsv(scene.colour(at))));
        for (channel, value) in colour.into_iter().enumerate() {
            out[channel * area + at] = byte(value);
        }
    }
}

/// Hue, saturation and value, each in [0,1]; grey has hue 0.
fn to_hsv([red, green, blue]: [f64; 3]) -> [f64; 3] {
    let value = red.max(green).max(blue);
    let range = value - red.min(green).min(blue);
    if range == 0.0 {
        return [0.0, 0.0, value];
    }
    let sector = if blue >= value {
        4.0 + (red - green) / range
    } else if green >= value {
        2.0 + (blue - red) / range
    } else {
        (green - blue) / range
    };
    [(sector / 6.0).rem_euclid(1.0), range / value, value]
}

fn from_hsv([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
    let sector = (hue * 6.0).floor();
    let within = hue * 6.0 - sector;
    let low = value * (1.0 - saturation);
    let falling = value * (1.0 - within * saturation);
    let rising = value * (1.0 - (1.0 - within) * saturation);
    match sector as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
