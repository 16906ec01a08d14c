//! Generated images beside a data set's own.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use rift_engine::checkpoint::StateDict;
use rift_engine::data::npy::write_npz;
use rift_engine::data::{load, splits, Format};
use tch::{Device, Kind, Tensor};

fn put(folder: &Path, images: &str, labels: &str, values: &[i64]) {
    let count = values.len() as i64;
    let pixels = Tensor::arange(count * 32 * 32 * 3, (Kind::Int64, Device::Cpu)).remainder(251).to_kind(Kind::Uint8);
    let mut arrays = StateDict::new();
    arrays.insert(images, pixels.reshape([count, 32, 32, 3]));
    arrays.insert(labels, Tensor::from_slice(values));
    write_npz(&folder.join("extra.npz"), &arrays).unwrap();
}

/// A folder in CIFAR-10's binary layout, three images.
fn cifar() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<u8> = (0..3u8).flat_map(|label| std::iter::once(label).chain(vec![label; 3072])).collect();
    std::fs::write(folder.path().join("data_batch_1.bin"), &records).unwrap();
    std::fs::write(folder.path().join("test_batch.bin"), &records).unwrap();
    folder
}

#[test]
fn generated_images_beside_a_data_set_are_its_split_extra_with_its_classes() {
    let folder = cifar();
    assert!(!splits(folder.path(), Format::Cifar10).unwrap().contains(&"extra".into()));
    put(folder.path(), "image", "label", &[9, 0]);
    assert_eq!(splits(folder.path(), Format::Cifar10).unwrap().last().unwrap(), "extra");
    let extra = load(folder.path(), Format::Cifar10, "extra").unwrap();
    let train = load(folder.path(), Format::Cifar10, "train").unwrap();
    assert_eq!((extra.split.as_str(), extra.len(), &extra.classes), ("extra", 2, &train.classes));
    assert_eq!(extra.label_vec().unwrap(), [9, 0]);
    assert_eq!(extra.images.size(), [2, 3, 32, 32]);
    assert_eq!(extra.images.int64_value(&[0, 2, 0, 0]), 2, "channels lie last in the file");
}

#[test]
fn a_pseudo_label_that_is_no_class_is_refused_by_its_index() {
    let folder = cifar();
    put(folder.path(), "image", "label", &[3, 10]);
    let refused = load(folder.path(), Format::Cifar10, "extra").unwrap_err().to_string();
    assert!(refused.contains("extra.npz") && refused.contains("labels[1] is 10"), "{refused}");
}

#[test]
fn arrays_of_other_names_are_refused_with_the_names_that_are_read() {
    let folder = cifar();
    put(folder.path(), "pixels", "label", &[3]);
    let refused = load(folder.path(), Format::Cifar10, "extra").unwrap_err().to_string();
    assert!(refused.contains("image and label"), "{refused}");
}

#[test]
fn a_folder_of_arrays_takes_the_published_names_too() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "image", "label", &[1, 0, 2]);
    assert_eq!(splits(folder.path(), Format::Npy).unwrap(), ["extra"]);
    assert_eq!(load(folder.path(), Format::Npy, "extra").unwrap().label_vec().unwrap(), [1, 0, 2]);
}
