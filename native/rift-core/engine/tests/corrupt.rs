//! Rules that every corruption keeps, whatever it does to a picture.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use rift_engine::control::Control;
use rift_engine::corrupt::{
    apply, corrupt_dataset, describe, frost, Corruption, FrostSource, ALL_19, RIFT_18, STANDARD_15,
};
use rift_engine::data::Dataset;
use rift_engine::error::EngineError;
use tch::{Kind, Tensor};

/// `count` pictures of smooth colour with a bright disk.
fn pictures(count: usize, side: usize) -> Vec<u8> {
    let pixel = |image: usize, channel: usize, y: usize, x: usize| {
        let (dy, dx) = (y.abs_diff(side / 2 + image % 5), x.abs_diff(side / 3));
        if dy * dy + dx * dx < side {
            230 - 40 * channel
        } else {
            (3 * y + 2 * x + 31 * channel + 17 * image) % 200
        }
    };
    let mut bytes = Vec::new();
    for image in 0..count {
        for channel in 0..3 {
            for at in 0..side * side {
                bytes.push(pixel(image, channel, at / side, at % side) as u8);
            }
        }
    }
    bytes
}

#[test]
fn every_corruption_changes_pictures_of_both_sizes_at_every_severity() {
    for side in [32, 64] {
        let images = pictures(3, side);
        for corruption in ALL_19 {
            for severity in 1..=5 {
                let corrupted = apply(corruption, severity, &images, side, &[0, 1, 2], 1).unwrap();
                assert_eq!(corrupted.len(), images.len());
                let changed = images.iter().zip(&corrupted).filter(|(a, b)| a != b).count();
                // Drops of water and grains of salt leave most of a picture as it was.
                assert!(changed * 200 > images.len(), "{corruption} {severity} at {side}: {changed} bytes changed");
            }
        }
    }
}

#[test]
fn an_image_is_corrupted_the_same_alone_and_in_any_batch() {
    let images = pictures(20, 32);
    let each = 3 * 32 * 32;
    let ids: Vec<u64> = (100..120).collect();
    for corruption in ALL_19 {
        let whole = apply(corruption, 3, &images, 32, &ids, 9).unwrap();
        let alone = apply(corruption, 3, &images[17 * each..18 * each], 32, &[117], 9).unwrap();
        assert_eq!(whole[17 * each..18 * each], alone, "{corruption}");
    }
}

#[test]
fn random_corruptions_follow_the_seed_and_the_id() {
    let images = pictures(1, 32);
    let deterministic = [
        Corruption::DefocusBlur,
        Corruption::GaussianBlur,
        Corruption::ZoomBlur,
        Corruption::Brightness,
        Corruption::Contrast,
        Corruption::Saturate,
        Corruption::Pixelate,
        Corruption::JpegCompression,
    ];
    for corruption in ALL_19 {
        let first = apply(corruption, 5, &images, 32, &[7], 1).unwrap();
        let again = apply(corruption, 5, &images, 32, &[7], 1).unwrap();
        let other_seed = apply(corruption, 5, &images, 32, &[7], 2).unwrap();
        let other_id = apply(corruption, 5, &images, 32, &[8], 1).unwrap();
        assert_eq!(first, again, "{corruption}");
        assert_eq!(first == other_seed, deterministic.contains(&corruption), "{corruption}");
        assert_eq!(first == other_id, deterministic.contains(&corruption), "{corruption}");
    }
}

#[test]
fn a_part_of_a_split_is_corrupted_as_within_the_whole() {
    let images = Tensor::from_slice(&pictures(300, 32)).view([300, 3, 32, 32]);
    let labels = Tensor::arange(300, (Kind::Int64, tch::Device::Cpu)).remainder(10);
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(images, labels, classes, "cifar10", "test").unwrap();
    let whole = corrupt_dataset(&data, Corruption::Snow, 2, 5, 0, &Control::default()).unwrap();
    let part = data.subset(&(270..280).collect::<Vec<_>>()).unwrap();
    let part = corrupt_dataset(&part, Corruption::Snow, 2, 5, 270, &Control::default()).unwrap();
    assert_eq!(whole.images.narrow(0, 270, 10), part.images);
    assert_eq!((whole.labels, whole.classes, whole.name), (data.labels, data.classes, data.name));
    assert_eq!(whole.split, "test-snow-2");
}

#[test]
fn a_cancelled_job_stops_before_the_next_block() {
    let images = Tensor::from_slice(&pictures(2, 32)).view([2, 3, 32, 32]);
    let labels = Tensor::zeros([2], (Kind::Int64, tch::Device::Cpu));
    let data = Dataset::new(images, labels, vec!["a".into()], "cifar10", "test").unwrap();
    let control = Control::default();
    control.cancel();
    let stopped = corrupt_dataset(&data, Corruption::Fog, 1, 5, 0, &control);
    assert!(matches!(stopped, Err(EngineError::Cancelled)));
}

#[test]
fn other_sizes_severities_and_byte_counts_are_refused_by_name() {
    let field = |severity, bytes: usize, side| {
        let error = apply(Corruption::Fog, severity, &vec![0; bytes], side, &[0], 1).unwrap_err();
        error.field().map(str::to_string)
    };
    assert_eq!(field(0, 3072, 32).as_deref(), Some("severity"));
    assert_eq!(field(6, 3072, 32).as_deref(), Some("severity"));
    assert_eq!(field(1, 3 * 28 * 28, 28).as_deref(), Some("imageSize"));
    assert_eq!(field(1, 3071, 32).as_deref(), Some("images"));
}

#[test]
fn names_are_those_of_the_published_files_and_a_typo_is_told_the_nearest() {
    for corruption in ALL_19 {
        assert_eq!(Corruption::parse(corruption.name()).unwrap(), corruption);
        assert_eq!(serde_json::to_string(&corruption).unwrap(), format!("\"{corruption}\""));
    }
    let message = Corruption::parse("gausian_noise").unwrap_err().to_string();
    assert!(message.contains("did you mean gaussian_noise?"), "{message}");
}

#[test]
fn the_lists_are_the_published_ones() {
    let extra = [Corruption::SpeckleNoise, Corruption::GaussianBlur, Corruption::Spatter, Corruption::Saturate];
    assert_eq!(ALL_19[..15], STANDARD_15);
    assert_eq!(ALL_19[15..], extra);
    let without_glass: Vec<Corruption> =
        ALL_19.into_iter().filter(|corruption| *corruption != Corruption::GlassBlur).collect();
    assert_eq!(RIFT_18.to_vec(), without_glass);
}

#[test]
fn the_record_of_a_split_tells_generated_frost_from_published() {
    assert_eq!(describe(Corruption::Fog, 2).unwrap(), "fog severity 2");
    let generated = frost::current().unwrap().source() == FrostSource::Procedural;
    assert_eq!(describe(Corruption::Frost, 5).unwrap().contains("generated pictures"), generated);
}

#[test]
fn frost_says_where_its_pictures_come_from_and_refuses_a_broken_folder() {
    assert_eq!(frost::procedural().source(), FrostSource::Procedural);
    let folder = tempfile::tempdir().unwrap();
    let error = frost::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("frost1.png"), "{error}");
    for file in frost::FILES {
        image::RgbImage::from_pixel(400, 300, image::Rgb([100, 150, 200])).save(folder.path().join(file)).unwrap();
    }
    assert_eq!(frost::load(folder.path()).unwrap().source(), FrostSource::Published);
    image::RgbImage::new(100, 300).save(folder.path().join("frost3.png")).unwrap();
    let error = frost::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("frost3.png: is too small"), "{error}");
}
