//! The safetensors reader and writer: order, determinism, agreement with the reference library, damage.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use rift_engine::checkpoint::{
    read_network, read_safetensors, read_safetensors_header, write_network, write_safetensors, Metadata,
    NetworkManifest, StateDict,
};
use tch::{Device, Kind, Tensor};

fn sample() -> StateDict {
    let mut dict = StateDict::new();
    dict.insert("conv1.weight", Tensor::arange(24, (Kind::Float, Device::Cpu)).reshape([2, 3, 4]).transpose(0, 2));
    dict.insert("bn1.num_batches_tracked", Tensor::from(7i64));
    dict.insert("mask", Tensor::from_slice(&[true, false, true]));
    dict.insert("bytes", Tensor::from_slice(&[1u8, 2, 3, 4, 5]));
    dict.insert("half", Tensor::from_slice(&[1.5f32, -2.0]).to_kind(Kind::BFloat16));
    dict.insert("empty", Tensor::zeros([0, 3], (Kind::Double, Device::Cpu)));
    dict
}

fn manifest() -> NetworkManifest {
    NetworkManifest {
        metrics: BTreeMap::from([("standard".into(), 0.5)]),
        parents: vec!["ab".repeat(32)],
        notes: BTreeMap::from([("epoch".into(), "76".into())]),
        ..NetworkManifest::plain("resnet18", 16, 10, 32)
    }
}

fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("a.safetensors");
    write_safetensors(&path, &sample(), &Metadata::from([("who".into(), "me".into()), ("a".into(), "b".into())]))
        .unwrap();
    path
}

#[test]
fn tensors_names_order_and_metadata_survive() {
    let folder = tempfile::tempdir().unwrap();
    let (read, metadata) = read_safetensors(&saved(folder.path())).unwrap();
    assert_eq!(read.names().collect::<Vec<_>>(), sample().names().collect::<Vec<_>>());
    assert_eq!(read.digest().unwrap(), sample().digest().unwrap());
    assert_eq!(metadata["who"], "me");
    let (header, _) = read_safetensors_header(&folder.path().join("a.safetensors")).unwrap();
    assert_eq!(header[0], ("conv1.weight".to_string(), Kind::Float, vec![4, 3, 2]));
}

#[test]
fn equal_content_gives_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = std::fs::read(saved(folder.path())).unwrap();
    assert_eq!(std::fs::read(saved(folder.path())).unwrap(), first);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_reference_library_reads_the_same_values_and_every_tensor_is_aligned() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(saved(folder.path())).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("bytes").unwrap().data(), [1, 2, 3, 4, 5]);
    assert_eq!(file.tensor("conv1.weight").unwrap().shape(), [4, 3, 2]);
    for (_, view) in file.tensors() {
        let at = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
        assert_eq!(at % (view.dtype().bitsize() / 8), 0);
    }
}

#[test]
fn a_file_of_the_reference_library_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("theirs.safetensors");
    let data: Vec<u8> = [1.0f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 1], &data).unwrap();
    std::fs::write(&path, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    let (read, metadata) = read_safetensors(&path).unwrap();
    assert_eq!(read.get("w").unwrap(), &Tensor::from_slice(&[1.0f32, 2.0]).reshape([2, 1]));
    assert!(metadata.is_empty());
}

#[test]
fn a_network_keeps_its_manifest_and_refuses_nan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    write_network(&path, &sample(), &manifest()).unwrap();
    assert_eq!(read_network(&path).unwrap().1, manifest());
    let mut bad = sample();
    bad.insert("linear.bias", Tensor::from_slice(&[f32::NAN]));
    let kept = std::fs::read(&path).unwrap();
    let refused = write_network(&path, &bad, &manifest()).unwrap_err().to_string();
    assert!(refused.contains("linear.bias holds 1 NaN"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), kept);
}

#[test]
fn a_manifest_that_breaks_a_rule_is_refused_with_its_field() {
    let path = Path::new("never-written.safetensors");
    let mut wrong = manifest();
    wrong.preprocess.std = vec![1.0, 0.0, 1.0];
    assert_eq!(write_network(path, &sample(), &wrong).unwrap_err().field(), Some("preprocess.std"));
    let mut wrong = manifest();
    wrong.class_names = vec!["cat".into()];
    assert_eq!(write_network(path, &sample(), &wrong).unwrap_err().field(), Some("classNames"));
    assert!(!path.exists());
}

#[test]
fn a_file_without_a_manifest_is_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let refused = read_network(&saved(folder.path())).unwrap_err().to_string();
    assert!(refused.contains("rift.manifest"), "{refused}");
}

/// A file of this header and `data` bytes of zeros.
fn refused(header: &str, data: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.safetensors");
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(vec![0u8; data]);
    std::fs::write(&path, bytes).unwrap();
    read_safetensors(&path).unwrap_err().to_string()
}

#[test]
fn each_kind_of_damage_has_its_reason() {
    let entry =
        |shape: &str, from: u64, to: u64| format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#);
    let one = entry("[1]", 0, 4);
    for (header, data, reason) in [
        (format!(r#"{{"a":{one},"a":{one}}}"#), 4, "the name a occurs twice"),
        (format!(r#"{{"a":{one},"b":{one}}}"#), 4, "hole or an overlap"),
        (format!(r#"{{"a":{}}}"#, entry("[1]", 4, 8)), 8, "hole or an overlap"),
        (format!(r#"{{"a":{one}}}"#), 8, "cover 4 of 8 bytes"),
        (format!(r#"{{"a":{}}}"#, entry("[2]", 0, 4)), 4, "shape [2]"),
        (format!(r#"{{"a":{}}}"#, entry("[4611686018427387904,4]", 0, 0)), 0, "offsets 0..0"),
        (format!(r#"{{"a":{}}}"#, entry("[-1]", 0, 4)), 4, "shape [-1]"),
        (format!(r#"{{"a":{}}}"#, entry("[1]", 4, 0)), 4, "offsets 4..0"),
        (format!(r#"{{"a":{}}}"#, entry("[1,1,1,1,1,1,1,1,1]", 0, 4)), 4, "9 dimensions"),
        (r#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#.into(), 1, "dtype F8_E4M3"),
        ("[]".into(), 0, "does not begin with {"),
        (r#"{"a":"#.into(), 0, "header:"),
    ] {
        let message = refused(&header, data);
        assert!(message.contains(reason) && message.contains("bad.safetensors"), "{header}: {message}");
    }
}

#[test]
fn truncated_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert_eq!(read_safetensors(&path).unwrap_err().code(), "InvalidFile");
    }
    std::fs::write(&path, [0xff; 64]).unwrap();
    assert!(read_safetensors(&path).unwrap_err().to_string().contains("declares a header"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_mutated_file_is_read_or_refused_but_never_panics(at in 0usize..600, value: u8, cut in 0usize..600) {
        // Written once: a synced file per case would take most of the time.
        static VALID: OnceLock<Vec<u8>> = OnceLock::new();
        let valid = VALID.get_or_init(|| std::fs::read(saved(tempfile::tempdir().unwrap().path())).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mutated.safetensors");
        let mut bytes = valid.clone();
        let at = at % bytes.len();
        bytes[at] = value;
        bytes.truncate(bytes.len() - cut % 3);
        std::fs::write(&path, bytes).unwrap();
        let _ = read_safetensors(&path);
    }
}
