//! NumPy's files, the layouts made of them, and adversarial sets (test/golden/datasets/make.py).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rift_engine::checkpoint::{read_safetensors, write_safetensors, Metadata, StateDict};
use rift_engine::data::npy::{parse_header, read_npy, read_npy_rows, read_npz, write_npz};
use rift_engine::data::{
    load, read_adversarial_set, splits, write_adversarial_set, AdversarialManifest, AdversarialSet, Format,
};
use tch::{Device, Kind, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/datasets").join(name)
}

fn doubles(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// A `.npy` file of `tensor`, made of the `.npz` writer's entry.
fn npy_bytes(tensor: &Tensor) -> Vec<u8> {
    let descr = match tensor.kind() {
        Kind::Uint8 => "|u1",
        Kind::Int64 => "<i8",
        other => panic!("{other:?} is not used here"),
    };
    let shape = tensor.size().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(rift_engine::checkpoint::bytes::bytes_of(tensor).unwrap());
    bytes
}

#[test]
fn every_kind_of_array_that_numpy_saved_is_read() {
    let arrays = read_npz(&golden("arrays.npz"), |_| true).unwrap();
    assert_eq!(
        arrays.names().collect::<Vec<_>>(),
        ["bytes", "float", "double", "long", "int", "flags", "scalar", "empty"]
    );
    let get = |name: &str| arrays.get(name).unwrap();
    assert_eq!(get("bytes"), &Tensor::from_slice(&[0u8, 1, 2, 3, 4, 5]).reshape([1, 2, 3]));
    assert_eq!(get("float"), &Tensor::from_slice(&[0.1f32, -2.5]));
    assert_eq!(doubles(get("double")), [1e300]);
    assert_eq!(doubles(get("long")), [-1_099_511_627_776.0, 7.0]);
    assert_eq!((get("int").kind(), doubles(get("int"))), (Kind::Int, vec![-3.0]));
    assert_eq!(get("flags").kind(), Kind::Bool);
    assert_eq!((get("scalar").size(), doubles(get("scalar"))), (vec![], vec![2.5]));
    assert_eq!(get("empty").size(), [0, 3]);
}

#[test]
fn a_header_is_read_whatever_the_order_of_its_keys_and_its_version() {
    assert_eq!(read_npy(&golden("version2.npy")).unwrap(), Tensor::from_slice(&[5u8, 6]));
}

#[test]
fn arrays_written_here_are_read_back_and_equal_content_gives_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    let arrays = read_npz(&golden("arrays.npz"), |_| true).unwrap();
    write_npz(&path, &arrays).unwrap();
    let first = std::fs::read(&path).unwrap();
    assert_eq!(read_npz(&path, |_| true).unwrap().digest().unwrap(), arrays.digest().unwrap());
    write_npz(&path, &arrays).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    assert_eq!(first, std::fs::read(golden("written.npz")).unwrap(), "check_written.py opens written.npz with NumPy");
}

#[test]
fn arrays_that_are_not_plain_little_endian_numbers_are_refused_with_the_reason() {
    for (file, reason) in [
        ("fortran.npy", "np.ascontiguousarray"),
        ("big_endian.npy", "dtype >f4"),
        ("objects.npy", "dtype |O"),
        ("structured.npy", "structured dtype"),
        ("complex.npy", "dtype <c8"),
        ("truncated.npy", "59 bytes of data where its shape [4, 4] needs 64"),
    ] {
        let refused = read_npy(&golden(file)).unwrap_err().to_string();
        assert!(refused.contains(reason) && refused.contains(file), "{refused}");
    }
    for (file, reason) in [("lying.npz", "does not unpack to the 100 bytes"), ("huge.npz", "is 4026531840 bytes, more")]
    {
        let refused = read_npz(&golden(file), |_| true).unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn rows_are_read_alone_and_only_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let tensor = Tensor::arange(20, (Kind::Int64, Device::Cpu)).reshape([5, 4]);
    std::fs::write(&path, npy_bytes(&tensor)).unwrap();
    assert_eq!(read_npy_rows(&path, 1, 2).unwrap(), tensor.narrow(0, 1, 2));
    assert!(read_npy_rows(&path, 4, 2).unwrap_err().to_string().contains("has 5 rows"));
}

fn images(count: i64, channels_last: bool) -> Tensor {
    let all = Tensor::arange(count * 3 * 4 * 4, (Kind::Int64, Device::Cpu)).remainder(251).to_kind(Kind::Uint8);
    all.reshape(if channels_last { [count, 4, 4, 3] } else { [count, 3, 4, 4] })
}

#[test]
fn arrays_of_a_split_are_images_in_either_order_of_channels() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, tensor: &Tensor| std::fs::write(folder.path().join(name), npy_bytes(tensor)).unwrap();
    put("train_images.npy", &images(3, true));
    put("train_labels.npy", &Tensor::from_slice(&[0i64, 4, 1]));
    let mut test = StateDict::new();
    test.insert("images", images(2, false));
    test.insert("labels", Tensor::from_slice(&[1i32, 0]));
    write_npz(&folder.path().join("test.npz"), &test).unwrap();
    assert_eq!(splits(folder.path(), Format::Npy).unwrap(), ["test", "train"]);
    let train = load(folder.path(), Format::Npy, "train").unwrap();
    assert_eq!(train.images, images(3, true).permute([0, 3, 1, 2]));
    let test = load(folder.path(), Format::Npy, "test").unwrap();
    assert_eq!(test.images, images(2, false));
    assert_eq!((test.classes.len(), train.classes.len()), (5, 5), "classes are those of all splits");
    std::fs::write(folder.path().join("classes.txt"), "a\nb\n").unwrap();
    let refused = load(folder.path(), Format::Npy, "train").unwrap_err().to_string();
    assert!(refused.contains("labels[1] is 4"), "{refused}");
    put("train_labels.npy", &Tensor::from_slice(&[0i64, 1]));
    assert!(load(folder.path(), Format::Npy, "train").unwrap_err().to_string().contains("each of the 3 images"));
    put("train_images.npy", &Tensor::from_slice(&[1i64]));
    assert!(load(folder.path(), Format::Npy, "train").unwrap_err().to_string().contains("unsigned bytes"));
}

#[test]
fn a_severity_of_cifar_c_is_its_fifth_of_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, tensor: &Tensor| std::fs::write(folder.path().join(name), npy_bytes(tensor)).unwrap();
    put("fog.npy", &images(10, true));
    put("gaussian_noise.npy", &images(10, true));
    put("labels.npy", &Tensor::from_slice(&[3i64, 9, 3, 9, 3, 9, 3, 9, 3, 8]));
    let known = splits(folder.path(), Format::CifarC).unwrap();
    assert_eq!((known.len(), known[0].as_str(), known[9].as_str()), (10, "gaussian_noise-1", "fog-5"));
    let hardest = load(folder.path(), Format::CifarC, "fog-5").unwrap();
    assert_eq!(hardest.images, images(10, true).narrow(0, 8, 2).permute([0, 3, 1, 2]));
    assert_eq!((hardest.label_vec().unwrap(), hardest.classes[8].as_str()), (vec![3, 8], "ship"));
    assert_eq!(load(folder.path(), Format::CifarC, "fog-6").unwrap_err().code(), "NotFound");
    put("fog.npy", &images(9, true));
    assert!(load(folder.path(), Format::CifarC, "fog-1").unwrap_err().to_string().contains("9 rows"));
    put("fog.npy", &images(5, true));
    assert!(load(folder.path(), Format::CifarC, "fog-1").unwrap_err().to_string().contains("has 5 images"));
}

#[test]
fn an_adversarial_set_of_numpy_is_imported_and_numbered() {
    let set = read_adversarial_set(&golden("adversarial.npz")).unwrap();
    assert_eq!((set.adv.size(), set.adv.kind()), (vec![3, 3, 2, 2], Kind::Float));
    assert_eq!((doubles(&set.y), doubles(&set.index)), (vec![2.0, 0.0, 1.0], vec![0.0, 1.0, 2.0]));
    assert_eq!(set.manifest, AdversarialManifest::imported());
}

#[test]
fn an_adversarial_set_keeps_its_record_as_an_artifact_and_its_arrays_for_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let mut set = read_adversarial_set(&golden("adversarial.npz")).unwrap();
    set.index = Tensor::from_slice(&[5i64, 7, 9]);
    set.manifest.network = "ab".repeat(32);
    set.manifest.attack = serde_json::json!({"kind": "ATTACK_KIND_PGD", "steps": 10});
    let artifact = folder.path().join("a.safetensors");
    write_adversarial_set(&artifact, &set).unwrap();
    let read = read_adversarial_set(&artifact).unwrap();
    assert_eq!(
        (read.adv, read.index, read.manifest),
        (set.adv.shallow_clone(), set.index.shallow_clone(), set.manifest.clone())
    );
    write_adversarial_set(&folder.path().join("a.npz"), &set).unwrap();
    std::fs::rename(folder.path().join("a.npz"), folder.path().join("without-a-name")).unwrap();
    assert_eq!(read_adversarial_set(&folder.path().join("without-a-name")).unwrap().index, set.index);
}

/// Why a set with `adv` and `y` is refused, as a plain safetensors file.
fn refused(adv: Tensor, y: Tensor) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.safetensors");
    let tensors = StateDict::from_iter([("adv".to_string(), adv), ("y".to_string(), y)]);
    write_safetensors(&path, &tensors, &Metadata::new()).unwrap();
    assert!(read_safetensors(&path).is_ok());
    read_adversarial_set(&path).unwrap_err().to_string()
}

#[test]
fn an_adversarial_set_that_breaks_a_rule_is_refused_with_field_and_image() {
    let adv = || Tensor::full([3, 3, 2, 2], 0.5, (Kind::Float, Device::Cpu));
    let y = || Tensor::from_slice(&[0i64, 1, 2]);
    let set = |value: f64| {
        let adv = adv();
        let _ = adv.narrow(0, 1, 1).fill_(value);
        adv
    };
    for (adv, y, reason) in [
        (set(1.5), y(), "adv is outside [0,1] or not a number in 1 images, first in image 1"),
        (set(f64::NAN), y(), "first in image 1"),
        (set(-0.01), y(), "first in image 1"),
        (adv().to_kind(Kind::Double), y(), "must be float32"),
        (adv().narrow(1, 0, 1), y(), "must be float32 of shape [N, 3, H, W]"),
        (adv(), Tensor::from_slice(&[0i64, 1]), "y is Int64 [2]"),
        (adv(), Tensor::from_slice(&[0i64, -1, 2]), "y is -1: must not be below zero"),
        (adv(), Tensor::from_slice(&[0f32, 1.0, 2.0]), "integers of shape [N] are needed"),
    ] {
        let message = refused(adv, y);
        assert!(message.contains(reason), "{message}");
    }
    let both = AdversarialSet { adv: set(2.0), y: y(), index: y(), manifest: AdversarialManifest::imported() };
    let path = Path::new("never-written.npz");
    assert_eq!(write_adversarial_set(path, &both).unwrap_err().field(), Some("adv"));
    assert!(!path.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_header_is_read_or_refused_but_never_panics(
        changes in prop::collection::vec((0usize..128, any::<u8>()), 1..5), length in 0usize..160,
    ) {
        let mut bytes = npy_bytes(&images(2, true));
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(length);
        let _ = parse_header(&bytes);
    }

    #[test]
    fn a_mutated_npz_is_read_or_refused_but_never_panics(
        changes in prop::collection::vec((0usize..514, any::<u8>()), 1..5),
    ) {
        let mut bytes = std::fs::read(golden("adversarial.npz")).unwrap();
        for (at, value) in changes {
            bytes[at] = value;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mutated.npz");
        std::fs::write(&path, bytes).unwrap();
        let _ = read_adversarial_set(&path);
    }
}
