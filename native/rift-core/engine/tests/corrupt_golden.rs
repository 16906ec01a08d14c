//! The corruptions against an independent implementation (test/golden/corruptions/make.py): byte by byte where a
//! corruption is deterministic, by the figures of many draws where it is random.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use rift_engine::corrupt::{apply, frost, Corruption, FrostSource, ALL_19};
use serde_json::Value;

/// Random corruptions are drawn this often for each picture of a size: 512 and 128 results.
const DRAWS: [(usize, usize); 2] = [(32, 8), (64, 8)];

fn golden(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../test/golden/corruptions")).join(file)
}

fn statistics() -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden("statistics.json")).unwrap()).unwrap()
}

/// The tiles of a sheet, row by row, each as three planes.
fn tiles(file: &str, side: usize) -> Vec<Vec<u8>> {
    let sheet = image::open(golden(file)).unwrap().into_rgb8();
    let columns = sheet.width() as usize / side;
    let tile = |at: usize| {
        let (top, left) = (at / columns * side, at % columns * side);
        let pixel =
            |channel: usize, at: usize| sheet.get_pixel((left + at % side) as u32, (top + at / side) as u32).0[channel];
        (0..3 * side * side).map(|at| pixel(at / (side * side), at % (side * side))).collect()
    };
    (0..columns * (sheet.height() as usize / side)).map(tile).collect()
}

/// The golden pictures at a size: four small ones in a square make one of 64 pixels.
fn pictures(side: usize) -> Vec<Vec<u8>> {
    let small = tiles("images.png", 32);
    if side == 32 {
        return small;
    }
    let joined = |four: &[Vec<u8>]| {
        let pixel = |at: usize| {
            let (channel, y, x) = (at / 4096, at / 64 % 64, at % 64);
            four[y / 32 * 2 + x / 32][channel * 1024 + y % 32 * 32 + x % 32]
        };
        (0..3 * 4096).map(pixel).collect()
    };
    small.chunks_exact(4).map(joined).collect()
}

#[test]
fn deterministic_corruptions_give_the_bytes_of_the_published_procedures() {
    let statistics = statistics();
    let names: Vec<String> = serde_json::from_value(statistics["exact"]["corruptions"].clone()).unwrap();
    for side in [32, 64] {
        let pictures = pictures(side);
        let chosen: Vec<usize> =
            serde_json::from_value(statistics["exact"]["pictures"][side.to_string()].clone()).unwrap();
        let mut expected = tiles(&format!("exact-{side}.png"), side).into_iter();
        for name in &names {
            for &picture in &chosen {
                for severity in 1..=5 {
                    let corruption = Corruption::parse(name).unwrap();
                    let found = apply(corruption, severity, &pictures[picture], side, &[0], 0).unwrap();
                    let differing = found.iter().zip(expected.next().unwrap()).filter(|(a, b)| **a != *b).count();
                    assert_eq!(differing, 0, "bytes of {name} {severity} at {side}, picture {picture}");
                }
            }
        }
        assert!(expected.next().is_none());
    }
}

/// What statistics.json holds of one corruption at one severity, in levels of 0 to 255.
#[derive(Debug, serde::Deserialize)]
struct Figures {
    means: [f64; 3],
    deviation: f64,
    /// Root mean square of the change.
    change: f64,
    /// Root mean square of the step to the next pixel, along rows and along columns.
    roughness: [f64; 2],
    unchanged: f64,
}

fn figures(before: &[u8], after: &[u8], side: usize) -> Figures {
    let (area, count) = (side * side, after.len() as f64);
    let mut means = [0.0; 3];
    let mut steps = [(0.0, 0.0); 2];
    for (index, plane) in after.chunks_exact(area).enumerate() {
        means[index % 3] += plane.iter().map(|&byte| f64::from(byte)).sum::<f64>() * 3.0 / count;
        for at in 0..area {
            for (steps, (there, next)) in steps.iter_mut().zip([(at % side + 1 < side, 1), (at + side < area, side)]) {
                if there {
                    steps.0 += (f64::from(plane[at + next]) - f64::from(plane[at])).powi(2);
                    steps.1 += 1.0;
                }
            }
        }
    }
    let mean = means.iter().sum::<f64>() / 3.0;
    let square =
        |values: &mut dyn Iterator<Item = f64>| (values.map(|value| value * value).sum::<f64>() / count).sqrt();
    Figures {
        means,
        deviation: square(&mut after.iter().map(|&byte| f64::from(byte) - mean)),
        change: square(&mut after.iter().zip(before).map(|(&a, &b)| f64::from(a) - f64::from(b))),
        roughness: steps.map(|(sum, count)| (sum / count).sqrt()),
        unchanged: after.iter().zip(before).filter(|(a, b)| a == b).count() as f64 / count,
    }
}

/// How far figures may be off: levels of the mean, and shares of the change and of deviation and roughness.
struct Tolerance {
    means: f64,
    change: f64,
    look: f64,
}

fn tolerance(corruption: Corruption, deterministic: bool, frost: FrostSource) -> Tolerance {
    let allow = |means, change, look| Tolerance { means, change, look };
    match corruption {
        // statistics.json holds four digits after the point.
        _ if deterministic => allow(1e-4, 1e-4, 1e-4),
        // statistics.json was made with the published pictures; the texture only comes near them.
        Corruption::Frost if frost == FrostSource::Procedural => allow(5.0, 0.08, 0.08),
        // A picture's result depends on few draws: one crop, plasma or angle, three moved corners, a handful of drops.
        Corruption::Frost => allow(4.5, 0.06, 0.04),
        Corruption::Fog => allow(2.0, 0.05, 0.04),
        Corruption::ElasticTransform | Corruption::Spatter | Corruption::MotionBlur | Corruption::Snow => {
            allow(1.0, 0.05, 0.02)
        }
        _ => allow(0.3, 0.015, 0.015),
    }
}

#[test]
fn every_corruption_has_the_strength_and_the_look_of_the_published_procedure() {
    let statistics = statistics();
    let deterministic: Vec<Corruption> = serde_json::from_value(statistics["exact"]["corruptions"].clone()).unwrap();
    let source = frost::current().unwrap().source();
    let mut off = Vec::new();
    for (side, draws) in DRAWS {
        let pictures = pictures(side).concat();
        for corruption in ALL_19 {
            let deterministic = deterministic.contains(&corruption);
            let allowed = tolerance(corruption, deterministic, source);
            let before = pictures.repeat(if deterministic { 1 } else { draws });
            let ids: Vec<u64> = (0..(before.len() / (3 * side * side)) as u64).collect();
            for severity in 1..=5 {
                let expected = &statistics["figures"][side.to_string()][corruption.name()][severity as usize - 1];
                let expected: Figures = serde_json::from_value(expected.clone()).unwrap();
                let found = figures(&before, &apply(corruption, severity, &before, side, &ids, 3).unwrap(), side);
                let near = |a: f64, b: f64, share: f64| (a / b - 1.0).abs() < share;
                let roughness = found.roughness.iter().zip(expected.roughness);
                let alike = found.means.iter().zip(expected.means).all(|(a, b)| (a - b).abs() < allowed.means)
                    && near(found.change, expected.change, allowed.change)
                    && near(found.deviation, expected.deviation, allowed.look)
                    && roughness.into_iter().all(|(a, b)| near(*a, b, allowed.look))
                    && (found.unchanged - expected.unchanged).abs() < 0.005;
                if !alike {
                    off.push(format!("{corruption} {severity} at {side}: {found:?} instead of {expected:?}"));
                }
            }
        }
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}
