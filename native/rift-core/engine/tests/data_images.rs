//! Data sets of image files, and splits as artifacts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use rift_engine::control::Control;
use rift_engine::data::{load, load_split, load_watched, save_split, splits, Dataset, Format};
use tch::{Device, Kind, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/datasets").join(name)
}

/// A PNG of one colour at `path`, whose folders are made.
fn picture(path: &Path, size: (u32, u32), colour: [u8; 3]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(size.0, size.1, image::Rgb(colour)).save(path).unwrap();
}

fn message(result: rift_engine::error::Result<Dataset>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn class_folders_become_labels_in_order_of_their_names_and_channels_come_first() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("train/cat/b.png"), (5, 4), [10, 20, 30]);
    picture(&root.path().join("train/cat/a.png"), (5, 4), [11, 21, 31]);
    picture(&root.path().join("train/ant/z.bmp"), (5, 4), [12, 22, 32]);
    picture(&root.path().join("test/cat/1.png"), (5, 4), [13, 23, 33]);
    std::fs::write(root.path().join("train/cat/notes.txt"), "no picture").unwrap();
    std::fs::write(root.path().join("train/cat/.hidden.png"), "no picture").unwrap();
    assert_eq!(splits(root.path(), Format::Folder).unwrap(), ["test", "train"]);
    let train = load(root.path(), Format::Folder, "train").unwrap();
    assert_eq!(train.classes, ["ant", "cat"]);
    assert_eq!(train.label_vec().unwrap(), [0, 1, 1]);
    assert_eq!((train.images.size(), train.image_size()), (vec![3, 3, 4, 5], (4, 5)));
    let channels = |at: i64| {
        Vec::<i64>::try_from(train.images.select(0, at).select(1, 2).select(1, 3).to_kind(Kind::Int64)).unwrap()
    };
    assert_eq!((channels(0), channels(1), channels(2)), (vec![12, 22, 32], vec![11, 21, 31], vec![10, 20, 30]));
    let test = load(root.path(), Format::Folder, "test").unwrap();
    assert_eq!(test.label_vec().unwrap(), [1], "a split that lacks a class numbers the others as train does");
}

#[test]
fn a_class_that_train_lacks_is_refused() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("train/cat/a.png"), (4, 4), [0; 3]);
    picture(&root.path().join("val/images/a.png"), (4, 4), [0; 3]);
    let refused = message(load(root.path(), Format::Folder, "val"));
    assert!(refused.contains("val/images") && refused.contains("tiny-imagenet"), "{refused}");
}

#[test]
fn unusable_images_are_named() {
    let root = tempfile::tempdir().unwrap();
    let class = root.path().join("train/cat");
    picture(&class.join("a.png"), (4, 4), [0; 3]);
    picture(&class.join("b.png"), (4, 5), [0; 3]);
    let sizes = message(load(root.path(), Format::Folder, "train"));
    assert!(sizes.contains("b.png") && sizes.contains("4×5") && sizes.contains("a.png is 4×4"), "{sizes}");
    std::fs::write(class.join("b.png"), &std::fs::read(class.join("a.png")).unwrap()[..40]).unwrap();
    let cut = message(load(root.path(), Format::Folder, "train"));
    assert!(cut.contains("b.png: cannot be read as an image"), "{cut}");
    std::fs::write(class.join("b.png"), "a text").unwrap();
    assert!(message(load(root.path(), Format::Folder, "train")).contains("b.png: cannot be read as an image"));
    std::fs::remove_file(class.join("a.png")).unwrap();
    std::fs::remove_file(class.join("b.png")).unwrap();
    assert!(message(load(root.path(), Format::Folder, "train")).contains("cat: holds no image"));
}

#[test]
fn an_image_that_claims_to_be_huge_is_refused_before_it_is_decoded() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("train/cat/a.bmp");
    picture(&path, (4, 4), [0; 3]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bytes[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let refused = message(load(root.path(), Format::Folder, "train"));
    assert!(refused.contains("60000×60000") || refused.contains("cannot be read"), "{refused}");
}

#[test]
fn every_format_decodes_to_the_pixels_that_pillow_sees() {
    let expected: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden("expected.json")).unwrap()).unwrap();
    for (extension, key, tolerance) in
        [("png", "picture", 0), ("bmp", "picture", 0), ("webp", "picture", 0), ("jpeg", "jpeg", 2)]
    {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("train/only")).unwrap();
        std::fs::copy(golden(&format!("picture.{extension}")), root.path().join(format!("train/only/a.{extension}")))
            .unwrap();
        let read = load(root.path(), Format::Folder, "train").unwrap();
        for row in 0..8 {
            for column in 0..8 {
                for channel in 0..3 {
                    let found = read.images.int64_value(&[0, channel, row, column]);
                    let wanted = expected[key][row as usize][column as usize][channel as usize].as_i64().unwrap();
                    assert!(
                        (found - wanted).abs() <= tolerance,
                        "{extension} {row} {column} {channel}: {found} {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn decoding_stops_when_it_is_cancelled() {
    let root = tempfile::tempdir().unwrap();
    picture(&root.path().join("train/cat/a.png"), (4, 4), [0; 3]);
    let control = Control::default();
    control.cancel();
    assert_eq!(load_watched(root.path(), Format::Folder, "train", &control).unwrap_err().code(), "Cancelled");
}

/// The raw archive with two classes, one training image of each and two validation images.
fn tiny(root: &Path) {
    for (id, colour) in [("n02", 2), ("n01", 1)] {
        picture(&root.join(format!("train/{id}/images/{id}_0.png")), (4, 4), [colour; 3]);
        std::fs::write(root.join(format!("train/{id}/{id}_boxes.txt")), "x").unwrap();
    }
    picture(&root.join("val/images/val_0.png"), (4, 4), [20; 3]);
    picture(&root.join("val/images/val_1.png"), (4, 4), [10; 3]);
    picture(&root.join("test/images/test_0.png"), (4, 4), [0; 3]);
    std::fs::write(root.join("wnids.txt"), "n02\nn01\n").unwrap();
    annotate(root, "val_0.png\tn02\t0\t0\t1\t1\nval_1.png\tn01\t0\t0\t1\t1\n");
}

fn annotate(root: &Path, text: &str) {
    std::fs::write(root.join("val/val_annotations.txt"), text).unwrap();
}

#[test]
fn the_raw_tiny_imagenet_archive_gives_each_validation_image_its_annotated_class() {
    let root = tempfile::tempdir().unwrap();
    tiny(root.path());
    assert_eq!(splits(root.path(), Format::TinyImagenet).unwrap(), ["train", "val"]);
    let train = load(root.path(), Format::TinyImagenet, "train").unwrap();
    assert_eq!((train.classes.clone(), train.label_vec().unwrap()), (vec!["n01".into(), "n02".into()], vec![0, 1]));
    assert_eq!(train.images.int64_value(&[1, 0, 0, 0]), 2);
    let val = load(root.path(), Format::TinyImagenet, "val").unwrap();
    assert_eq!((val.label_vec().unwrap(), val.images.int64_value(&[0, 0, 0, 0])), (vec![1, 0], 20));
}

#[test]
fn annotations_that_do_not_fit_the_images_are_refused() {
    let root = tempfile::tempdir().unwrap();
    tiny(root.path());
    for (text, reason) in [
        ("val_0.png\tn02\n", "annotates 1 images, but images/ holds 2"),
        ("val_0.png\tn02\nval_1.png\tn09\n", "line 2: n09 is none of the 2 classes"),
        ("val_0.png\tn02\nval_0.png\tn01\n", "line 2: val_0.png is annotated twice"),
        ("val_0.png n02\n", "line 1: is not a file name, a tab and a WordNet id"),
        ("../../a.png\tn02\n", "is not a plain file name"),
    ] {
        annotate(root.path(), text);
        let refused = message(load(root.path(), Format::TinyImagenet, "val"));
        assert!(refused.contains(reason) && refused.contains("val_annotations.txt"), "{refused}");
    }
}

#[test]
fn a_split_is_the_same_as_an_artifact_and_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.safetensors");
    let images = Tensor::arange(2 * 3 * 4 * 4, (Kind::Int64, Device::Cpu)).to_kind(Kind::Uint8).reshape([2, 3, 4, 4]);
    let classes = vec!["größer".to_string(), "b".to_string()];
    let dataset = Dataset::new(images, Tensor::from_slice(&[1i64, 0]), classes, "toy", "val").unwrap();
    save_split(&dataset, "made by hand", &path).unwrap();
    let first = std::fs::read(&path).unwrap();
    let read = load_split(&path).unwrap();
    assert_eq!((&read.images, &read.labels), (&dataset.images, &dataset.labels));
    assert_eq!((&read.classes, read.name.as_str(), read.split.as_str()), (&dataset.classes, "toy", "val"));
    save_split(&dataset, "made by hand", &path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    let refused = rift_engine::data::read_adversarial_set(&path).unwrap_err().to_string();
    assert!(refused.contains("is an artifact of kind dataset-split, but adversarial-set is needed"), "{refused}");
}
