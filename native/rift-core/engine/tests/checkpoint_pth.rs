//! PyTorch checkpoints: golden files of `torch.save`, and hostile ones (test/golden/checkpoints/make.py).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rift_engine::checkpoint::pickle::{Limits, Pickle};
use rift_engine::checkpoint::{read_pth, write_pth, StateDict};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/checkpoints").join(name)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "float32",
        Kind::Int64 => "int64",
        Kind::Int => "int32",
        Kind::Int16 => "int16",
        Kind::Int8 => "int8",
        Kind::Uint8 => "uint8",
        Kind::Bool => "bool",
        other => panic!("{other:?} must have been converted"),
    }
}

#[test]
fn every_layout_of_torch_save_gives_the_tensors_pytorch_saved() {
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(golden("expected.json")).unwrap()).unwrap();
    let files = expected.as_object().unwrap();
    assert_eq!(files.len(), 12);
    for (file, wanted) in files {
        let read = read_pth(&golden("valid").join(file)).unwrap();
        assert_eq!(read.layout, wanted["layout"].as_str().unwrap(), "{file}");
        assert_eq!(serde_json::to_value(&read.notes).unwrap(), wanted["notes"], "{file}");
        let tensors = wanted["tensors"].as_object().unwrap();
        assert_eq!(read.tensors.names().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>(), "{file}");
        for (name, wanted) in tensors {
            let tensor = read.tensors.get(name).unwrap();
            assert_eq!(kind_name(tensor.kind()), wanted["dtype"], "{file} {name}");
            assert_eq!(serde_json::json!(tensor.size()), wanted["shape"], "{file} {name}");
            assert!(tensor.is_contiguous(), "{file} {name}");
            let values = Vec::<f64>::try_from(tensor.flatten(0, -1).to_kind(Kind::Double)).unwrap();
            let wanted: Vec<f64> = wanted["values"].as_array().unwrap().iter().map(number).collect();
            assert_eq!(values, wanted, "{file} {name}");
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| f64::from(u8::from(value.as_bool().unwrap())))
}

#[test]
fn wrappers_are_taken_off_and_reported() {
    let read = read_pth(&golden("valid/normalized.pth")).unwrap();
    assert_eq!(read.normalize, Some((vec![0.5, 0.25, 0.125], vec![0.25; 3])));
    assert!(read.notices.iter().any(|notice| notice.contains("prefix 1. ")), "{:?}", read.notices);
    let read = read_pth(&golden("valid/model.pth")).unwrap();
    assert!(read.notices.iter().any(|notice| notice.starts_with("optimizer was left out")), "{:?}", read.notices);
    let read = read_pth(&golden("valid/kinds.pth")).unwrap();
    for from in ["float16", "bfloat16", "float64"] {
        let notice = format!("1 tensors were converted from {from} to float32");
        assert!(read.notices.contains(&notice), "{:?}", read.notices);
    }
}

#[test]
fn tensors_that_shared_a_storage_share_none_afterwards() {
    let read = read_pth(&golden("valid/views.pth")).unwrap();
    let before = read.tensors.get("expanded").unwrap().double_value(&[0]);
    let _ = read.tensors.get("transposed").unwrap().shallow_clone().fill_(-1.0);
    let _ = read.tensors.get("offset").unwrap().shallow_clone().fill_(-1.0);
    assert!((read.tensors.get("expanded").unwrap().double_value(&[0]) - before).abs() < f64::EPSILON);
    assert!(read.tensors.get("sliced").unwrap().min().double_value(&[]) > 0.0);
}

/// Every hostile file and a part of the sentence that refuses it.
const HOSTILE: [(&str, &str); 44] = [
    ("system.pth", "names posix.system, which is not plain data and is never run here"),
    ("stack_global.pth", "names builtins.eval"),
    ("storage_class.pth", "names torch.QInt8Storage"),
    ("whole_module.pth", "names torch.nn.modules.linear.Linear"),
    ("bomb.pth", "holds a list and no state dict"),
    ("deep.pth", "nested deeper than 64"),
    ("protocol5.pth", "protocol 5"),
    ("cycle.pth", "holds no state dict, neither by itself nor under net, state_dict, model, model_state_dict"),
    ("short_tuple.pth", "tensor w: _rebuild_tensor_v2 has 2 arguments"),
    ("no_arguments.pth", "tensor w: _rebuild_parameter has 0 arguments"),
    ("huge_shape.pth", "beyond its storage of 4 elements"),
    ("beyond_storage.pth", "offset 1 go beyond its storage of 4 elements"),
    ("negative_offset.pth", "offset -1 go beyond"),
    ("negative_stride.pth", "Int(-1) in its shape is no size"),
    ("stride_count.pth", "stride [1, 1]"),
    ("huge_storage.pth", "impossibly large"),
    ("storage_size.pth", "a/data/0 has 16 bytes where 20 are declared"),
    ("missing_storage.pth", "a/data/0 is missing"),
    ("expanded.pth", "more than 4 times the file's"),
    ("two_descriptions.pth", "storage 0 is described in two ways"),
    ("name_twice.pth", "the name w occurs twice"),
    ("truncated.pth", "no end record; the file is truncated"),
    ("no_pickle.pth", "has no a/data.pkl"),
    ("two_folders.pth", "not in one folder"),
    ("traversal.pth", "is not a plain relative path"),
    ("absolute.pth", "is not a plain relative path"),
    ("duplicate.pth", "the name a/data/0 occurs twice"),
    ("deflated.pth", "entry a/data.pkl is compressed"),
    ("encrypted.pth", "is encrypted"),
    ("local_name.pth", "the name of entry a/data/0 differs between its header and the directory"),
    ("local_size.pth", "the size of entry a/data.pkl differs"),
    ("checksum.pth", "entry a/data/0: has checksum"),
    ("overlap.pth", "differs between its header and the directory"),
    ("offset.pth", "lies beyond the end of the file"),
    ("big_endian.pth", "has byte order \"big\""),
    ("torchscript.pth", "is a TorchScript archive"),
    ("nan.pth", "tensor w0 holds 1 NaN and 1 infinite values of 4"),
    ("list.pth", "holds a list and no state dict"),
    ("no_tensors.pth", "its keys are weights"),
    ("after_stop.pth", "bytes after the end of its pickle"),
    ("bad_text.pth", "a text is not UTF-8"),
    ("long_text.pth", "a text of 2147483648 bytes"),
    ("legacy_truncated.pth", "is cut off in storage"),
    ("legacy_longer.pth", "has 1 bytes after its last storage"),
];

#[test]
fn every_hostile_file_is_refused_quickly_and_says_why() {
    for (file, reason) in HOSTILE {
        let started = Instant::now();
        let refused = read_pth(&golden("hostile").join(file)).expect_err(file);
        assert_eq!(refused.code(), "InvalidFile", "{file}");
        let message = refused.to_string();
        assert!(message.contains(reason) && message.contains(file), "{file}: {message}");
        assert!(started.elapsed() < Duration::from_secs(2), "{file} took {:?}", started.elapsed());
    }
    assert!(!Path::new("/tmp/rift-was-here").exists());
    let files = std::fs::read_dir(golden("hostile")).unwrap().count();
    assert_eq!(files, HOSTILE.len() + 2, "plain_text.pth and empty.pth have a test of their own");
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_with_the_way_out() {
    let refused = read_pth(&golden("hostile/plain_text.pth")).unwrap_err().to_string();
    assert!(refused.contains("_use_new_zipfile_serialization=True"), "{refused}");
    assert!(read_pth(&golden("hostile/empty.pth")).unwrap_err().to_string().contains("is empty"));
    assert_eq!(read_pth(Path::new("/nowhere/a.pth")).unwrap_err().code(), "NotFound");
}

fn sample() -> StateDict {
    let mut dict = StateDict::new();
    dict.insert("conv1.weight", Tensor::arange(24, (Kind::Float, Device::Cpu)).reshape([2, 3, 4]).transpose(0, 2));
    dict.insert("bn1.num_batches_tracked", Tensor::from(7i64));
    dict.insert("empty", Tensor::zeros([0, 3], (Kind::Float, Device::Cpu)));
    dict.insert("bytes", Tensor::from_slice(&[1u8, 2, 250]));
    dict
}

#[test]
fn an_exported_file_is_read_back_bit_for_bit_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pth");
    write_pth(&path, &sample()).unwrap();
    let first = std::fs::read(&path).unwrap();
    let read = read_pth(&path).unwrap();
    assert_eq!(read.tensors.digest().unwrap(), sample().digest().unwrap());
    assert_eq!((read.layout.as_str(), read.notices.len()), ("raw", 0));
    write_pth(&path, &sample()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    let storage = first.windows(4).position(|window| window == [0, 0, 128, 63]).unwrap() - 6 * 4;
    assert_eq!(storage % 64, 0, "storages are aligned as PyTorch aligns them");
}

/// `exported.pth` is the file that `check_export.py` opened with PyTorch and found equal to `valid/raw.pth`.
#[test]
fn an_exported_file_is_byte_for_byte_the_one_that_pytorch_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exported.pth");
    write_pth(&path, &read_pth(&golden("valid/raw.pth")).unwrap().tensors).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(golden("exported.pth")).unwrap());
}

#[test]
fn a_name_that_python_cannot_write_back_is_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.pth");
    let mut dict = StateDict::new();
    dict.insert("Schicht größer", Tensor::from_slice(&[1.0f32]));
    write_pth(&path, &dict).unwrap();
    assert_eq!(read_pth(&path).unwrap().tensors.names().collect::<Vec<_>>(), ["Schicht größer"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_checkpoint_is_read_or_refused_but_never_panics(
        legacy: bool, changes in prop::collection::vec((0usize..4096, any::<u8>()), 1..6), cut in 0usize..40,
    ) {
        let file = if legacy { "valid/legacy.pth" } else { "valid/model.pth" };
        let mut bytes = std::fs::read(golden(file)).unwrap();
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut.saturating_sub(35));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mutated.pth");
        std::fs::write(&path, bytes).unwrap();
        let _ = read_pth(&path);
    }

    #[test]
    fn random_bytes_are_never_a_checkpoint(bytes in prop::collection::vec(any::<u8>(), 0..200), zip: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("random.pth");
        std::fs::write(&path, if zip { [b"PK".as_slice(), &bytes].concat() } else { bytes }).unwrap();
        prop_assert_eq!(read_pth(&path).unwrap_err().code(), "InvalidFile");
    }

    #[test]
    fn random_operations_never_panic(
        operations in prop::collection::vec(prop::sample::select(
            b"N\x88\x89KMJ\x8aGX\x8cTUC()]}\x85\x86\x87tlaesuRbQq\x94hjr.\x01\x02\x00c".to_vec()), 0..120),
    ) {
        let bytes = [b"\x80\x02".as_slice(), &operations].concat();
        let _ = Pickle::parse(&bytes, Limits { bytes: 1 << 20, text: 1 << 16 }, |_, _| None);
    }
}
