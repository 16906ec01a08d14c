//! The CIFAR binary layouts and the ways to cut a data set.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use rift_engine::data::{load, splits, Dataset, Format};
use tch::{Kind, Tensor};

const RECORD: usize = 3073;

/// `count` records whose label is `index % 10` and whose pixels are all `index`.
fn write_cifar10(folder: &Path, file: &str, count: usize) {
    let mut bytes = Vec::new();
    for index in 0..count {
        bytes.push((index % 10) as u8);
        bytes.extend(std::iter::repeat_n(index as u8, RECORD - 1));
    }
    std::fs::write(folder.join(file), bytes).unwrap();
}

fn message(result: rift_engine::error::Result<Dataset>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn training_batches_are_read_in_number_order() {
    let folder = tempfile::tempdir().unwrap();
    for (number, count) in [(1, 3), (2, 5), (10, 1)] {
        write_cifar10(folder.path(), &format!("data_batch_{number}.bin"), count);
    }
    let gap = message(load(folder.path(), Format::Cifar10, "train"));
    assert!(gap.contains("data_batch_3.bin is missing"), "{gap}");
    std::fs::remove_file(folder.path().join("data_batch_10.bin")).unwrap();
    let train = load(folder.path(), Format::Cifar10, "train").unwrap();
    assert_eq!(train.len(), 8);
    assert_eq!(train.label_vec().unwrap(), [0, 1, 2, 0, 1, 2, 3, 4]);
    assert_eq!(train.classes[9], "truck");
}

#[test]
fn pixels_keep_their_channel_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = vec![7u8];
    bytes.extend((0..RECORD - 1).map(|at| (at % 251) as u8));
    std::fs::write(folder.path().join("test_batch.bin"), bytes).unwrap();
    let test = load(folder.path(), Format::Cifar10, "test").unwrap();
    let (images, labels) = test.batch(&[0]).unwrap();
    assert_eq!((images.kind(), images.size()), (Kind::Float, vec![1, 3, 32, 32]));
    assert_eq!(labels.int64_value(&[0]), 7);
    let at = 2 * 1024 + 5 * 32 + 9;
    let expected = (at % 251) as f32 / 255.0;
    assert!((images.double_value(&[0, 2, 5, 9]) as f32 - expected).abs() < 1e-7);
}

#[test]
fn class_names_come_from_the_folder_and_bound_the_labels() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path(), "test_batch.bin", 4);
    std::fs::write(folder.path().join("batches.meta.txt"), "a\nb\nc\n\n").unwrap();
    let refused = message(load(folder.path(), Format::Cifar10, "test"));
    assert!(refused.contains("record 3 has label 3") && refused.contains("3 classes"), "{refused}");
    std::fs::write(folder.path().join("batches.meta.txt"), "a\nb\nc\nd\n\n").unwrap();
    assert_eq!(load(folder.path(), Format::Cifar10, "test").unwrap().classes, ["a", "b", "c", "d"]);
}

#[test]
fn damaged_files_are_refused_with_their_name_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test_batch.bin");
    std::fs::write(&file, vec![0u8; RECORD * 2 - 1]).unwrap();
    let truncated = message(load(folder.path(), Format::Cifar10, "test"));
    assert!(
        truncated.contains("test_batch.bin") && truncated.contains("6145") && truncated.contains("3073"),
        "{truncated}"
    );
    std::fs::write(&file, b"").unwrap();
    assert!(message(load(folder.path(), Format::Cifar10, "test")).contains("is empty"));
    std::fs::remove_file(&file).unwrap();
    assert!(message(load(folder.path(), Format::Cifar10, "test")).contains("holds no split"));
    let absent = load(&folder.path().join("nowhere"), Format::Cifar10, "test").unwrap_err();
    assert_eq!(absent.code(), "NotFound");
}

#[test]
fn a_missing_split_names_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    write_cifar10(folder.path(), "test_batch.bin", 1);
    write_cifar10(folder.path(), "val_batch.bin", 1);
    assert_eq!(splits(folder.path(), Format::Cifar10).unwrap(), ["val", "test"]);
    let refused = load(folder.path(), Format::Cifar10, "train").unwrap_err();
    assert_eq!(refused.code(), "NotFound");
    assert!(refused.to_string().contains("holds val, test"), "{refused}");
}

#[test]
fn cifar100_labels_are_the_fine_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = vec![3u8, 99];
    bytes.extend([200u8; RECORD - 1]);
    std::fs::write(folder.path().join("test.bin"), bytes).unwrap();
    let test = load(folder.path(), Format::Cifar100, "test").unwrap();
    assert_eq!(test.label_vec().unwrap(), [99]);
    assert_eq!(test.classes.len(), 100);
}

fn labelled(labels: &[i64], classes: usize) -> Dataset {
    let names = (0..classes).map(|c| c.to_string()).collect();
    let images = Tensor::zeros([labels.len() as i64, 3, 4, 4], (Kind::Uint8, tch::Device::Cpu));
    Dataset::new(images, Tensor::from_slice(labels), names, "toy", "train").unwrap()
}

#[test]
fn a_label_outside_the_classes_is_named_with_its_index() {
    let images = Tensor::zeros([2, 3, 4, 4], (Kind::Uint8, tch::Device::Cpu));
    let refused = Dataset::new(images, Tensor::from_slice(&[0i64, 5]), vec!["a".into()], "toy", "train").unwrap_err();
    assert_eq!(refused.field(), Some("labels[1]"));
    assert!(refused.to_string().contains("is 5"), "{refused}");
}

#[test]
fn as_many_labels_as_images_are_needed() {
    let images = Tensor::zeros([2, 3, 4, 4], (Kind::Uint8, tch::Device::Cpu));
    assert!(Dataset::new(images, Tensor::from_slice(&[0i64]), vec!["a".into()], "toy", "train").is_err());
}

#[test]
fn a_held_out_split_keeps_class_proportions_and_depends_on_the_seed_alone() {
    let labels: Vec<i64> = (0..100).map(|at| i64::from(at % 10 < 3)).collect();
    let data = labelled(&labels, 2);
    let (rest, held) = data.held_out(20, 1).unwrap();
    assert_eq!((rest.len(), held.len()), (80, 20));
    assert_eq!(held.iter().filter(|&&at| labels[at as usize] == 1).count(), 6);
    let mut all: Vec<i64> = rest.iter().chain(&held).copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    assert_eq!(data.held_out(20, 1).unwrap().1, held);
    assert_ne!(data.held_out(20, 2).unwrap().1, held);
    assert!(data.held_out(100, 1).is_err());
}

#[test]
fn cuts_outside_the_data_set_are_refused() {
    let data = labelled(&[0, 1, 0], 2);
    assert_eq!(data.first(2).unwrap().label_vec().unwrap(), [0, 1]);
    assert_eq!(data.subset(&[2, 1]).unwrap().label_vec().unwrap(), [0, 1]);
    assert_eq!(data.first(4).unwrap_err().field(), Some("limit"));
    assert!(data.batch(&[3]).is_err() && data.batch(&[-1]).is_err() && data.subset(&[]).is_err());
}

/// A batch as Python 2 pickled it for the official archive, without the file names.
fn python2_batch(key: &str, labels: &[u8], pixels: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02}q\x01(".to_vec();
    let short = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend([b'U', text.len() as u8]);
        bytes.extend(text.bytes());
    };
    short(&mut bytes, key);
    bytes.extend(b"]q\x02(");
    for label in labels {
        bytes.extend([b'K', *label]);
    }
    bytes.push(b'e');
    short(&mut bytes, "data");
    bytes.extend(b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K");
    bytes.extend([labels.len() as u8]);
    bytes.extend(b"M\x00\x0c\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    bytes.extend((pixels.len() as u32).to_le_bytes());
    bytes.extend(pixels);
    bytes.extend(b"tbu.");
    bytes
}

#[test]
fn the_python_version_is_read_without_being_executed() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..2 * (RECORD - 1)).map(|at| (at % 251) as u8).collect();
    for number in 1..=5 {
        std::fs::write(
            folder.path().join(format!("data_batch_{number}")),
            python2_batch("labels", &[number, 9], &pixels),
        )
        .unwrap();
    }
    std::fs::write(
        folder.path().join("batches.meta"),
        b"\x80\x02}U\x0blabel_names](U\x01aU\x01bU\x01cU\x01dU\x01eU\x01fU\x01gU\x01hU\x01iU\x01jes.",
    )
    .unwrap();
    assert_eq!(splits(folder.path(), Format::Cifar10).unwrap(), ["train"]);
    let train = load(folder.path(), Format::Cifar10, "train").unwrap();
    assert_eq!(train.label_vec().unwrap(), [1, 9, 2, 9, 3, 9, 4, 9, 5, 9]);
    assert_eq!(train.images.int64_value(&[1, 2, 5, 9]), (3072 + 2 * 1024 + 5 * 32 + 9) % 251);
    assert_eq!(train.classes[9], "j");
    std::fs::remove_file(folder.path().join("data_batch_4")).unwrap();
    assert!(load(folder.path(), Format::Cifar10, "train").unwrap_err().to_string().contains("data_batch_4"));
}

#[test]
fn cifar100_in_the_python_version_has_its_fine_labels() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("test"), python2_batch("fine_labels", &[99], &[7; RECORD - 1])).unwrap();
    assert_eq!(load(folder.path(), Format::Cifar100, "test").unwrap().label_vec().unwrap(), [99]);
}

#[test]
fn a_batch_of_python_3_is_read_where_it_is_plain_data() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/datasets");
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("test_batch");
    std::fs::copy(golden.join("cifar_protocol4"), &test).unwrap();
    assert_eq!(load(folder.path(), Format::Cifar10, "test").unwrap().label_vec().unwrap(), [3, 9]);
    std::fs::copy(golden.join("cifar_protocol2"), &test).unwrap();
    let refused = message(load(folder.path(), Format::Cifar10, "test"));
    assert!(refused.contains("names _codecs.encode"), "{refused}");
}

#[test]
fn a_python_batch_that_is_damaged_or_another_data_set_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let test = folder.path().join("test_batch");
    let good = python2_batch("labels", &[1, 2], &[0; 2 * (RECORD - 1)]);
    for (bytes, reason) in [
        (good[..good.len() - 10].to_vec(), "the pickle is cut off"),
        (python2_batch("fine_labels", &[1], &[0; RECORD - 1]), "has no labels"),
        (python2_batch("labels", &[1, 2], &[0; RECORD - 1]), "shape [N, 3072]"),
        (b"\x80\x02cos\nsystem\nU\x02ls\x85R.".to_vec(), "names os.system"),
    ] {
        std::fs::write(&test, bytes).unwrap();
        let refused = message(load(folder.path(), Format::Cifar10, "test"));
        assert!(refused.contains(reason) && refused.contains("test_batch"), "{refused}");
    }
}
