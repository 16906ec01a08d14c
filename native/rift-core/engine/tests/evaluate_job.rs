//! Evaluation as a job: ranges of images give the figures of the whole, and a job that was stopped goes on inside its
//! attack.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rift_engine::checkpoint::NetworkManifest;
use rift_engine::control::{Control, Progress};
use rift_engine::data::{save_split, Dataset};
use rift_engine::error::{EngineError, Result};
use rift_engine::jobs;
use rift_engine::net::{Classifier, Network, PlanOptions};
use rift_engine::rng;
use serde_json::{json, Value};
use tch::{Device, Kind, Tensor};

const IMAGES: i64 = 24;

/// A small network with its initial weights, and noise labelled as it sees it but for every third image.
fn files(folder: &Path) -> (PathBuf, PathBuf) {
    tch::set_num_threads(1);
    let network = Network::initial(NetworkManifest::plain("resnet18", 4, 10, 32), 3).unwrap();
    let plan = network.plan(PlanOptions::plain(Device::Cpu)).unwrap();
    let ids: Vec<u64> = (0..IMAGES as u64).collect();
    let pixels = rng::uniform_per_image(1, "pixels", &ids, 0, &[3, 32, 32], 0.0, 255.0).unwrap().round();
    let seen = plan.logits(&(&pixels / 255.0)).unwrap().argmax(1, false);
    let wrong = Tensor::arange(IMAGES, (Kind::Int64, Device::Cpu)).remainder(3).eq(0).to_kind(Kind::Int64);
    let labels = (seen + wrong).remainder(10);
    let classes = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(pixels.to_kind(Kind::Uint8), labels, classes, "noise", "test").unwrap();
    let (network_path, split) = (folder.join("network.safetensors"), folder.join("split.safetensors"));
    network.write(&network_path).unwrap();
    save_split(&data, "noise", &split).unwrap();
    (network_path, split)
}

fn attack(kind: &str, steps: u32) -> Value {
    json!({
        "kind": format!("ATTACK_KIND_{kind}"), "threatModel": {"norm": "NORM_LINF", "epsilon": 0.1}, "stepSize": 0.03,
        "steps": steps, "restarts": 2, "randomStart": true, "targets": 2, "toTheEnd": false
    })
}

fn request(files: &(PathBuf, PathBuf), offset: i64, limit: i64, checkpoint: Option<&Path>) -> Value {
    json!({
        "network": {"path": files.0, "blend": null},
        "data": {"path": files.1, "offset": offset, "limit": limit},
        "spec": {
            "standard": true, "attacks": [attack("PGD", 4), attack("APGD_T", 5), attack("SQUARE", 30)],
            "corruptions": ["fog", "frost"], "severities": [2], "seed": 5, "gallery": 0, "diagnostics": null
        },
        "compute": {"device": "cpu", "precision": "PRECISION_FP32", "batchSize": 8, "threads": 1, "plain": false},
        "checkpoint": checkpoint
    })
}

fn evaluate(request: &Value, control: &Control) -> Result<Value> {
    Ok(serde_json::from_str(&jobs::run("evaluate", &request.to_string(), control)?).unwrap())
}

/// The bytes behind "1 right, 0 wrong", decoded.
fn bits(outcome: &Value) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = outcome["perImage"]
        .as_str()
        .unwrap()
        .bytes()
        .filter_map(|byte| LETTERS.iter().position(|letter| *letter == byte))
        .map(|at| at as u32)
        .collect();
    let mut out = Vec::new();
    for four in digits.chunks(4) {
        let value = four.iter().enumerate().fold(0, |sum, (at, digit)| sum | digit << (18 - 6 * at));
        out.extend([(value >> 16) as u8, (value >> 8) as u8, value as u8][..four.len() - 1].iter());
    }
    out
}

#[test]
fn ranges_of_images_give_the_figures_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let control = Control::default();
    let whole = evaluate(&request(&files, 0, 0, None), &control).unwrap();
    for ranges in [vec![(0, 16), (16, 8)], vec![(0, 8), (8, 8), (16, 8)]] {
        let parts: Vec<Value> = ranges
            .iter()
            .map(|(offset, limit)| evaluate(&request(&files, *offset, *limit, None), &control).unwrap())
            .collect();
        let joined = |pick: &dyn Fn(&Value) -> Vec<u8>| parts.iter().flat_map(pick).collect::<Vec<u8>>();
        assert_eq!(joined(&|part| bits(&part["standard"])), bits(&whole["standard"]));
        for at in 0..3 {
            let outcome = |part: &Value| bits(&part["attacks"][at]["outcome"]);
            assert_eq!(joined(&outcome), outcome(&whole), "attack {at} in {ranges:?}");
            let changed = |part: &Value| part["attacks"][at]["audit"]["imagesChanged"].as_u64().unwrap();
            assert_eq!(parts.iter().map(changed).sum::<u64>(), changed(&whole));
            let loss = |part: &Value| part["attacks"][at]["outcome"]["meanLoss"].as_f64().unwrap();
            let images = |part: &Value| part["attacks"][at]["outcome"]["total"].as_f64().unwrap();
            let joined = parts.iter().map(|part| loss(part) * images(part)).sum::<f64>() / images(&whole);
            // libtorch's convolutions may round differently for other batch sizes.
            assert!((joined - loss(&whole)).abs() < 1e-3, "{joined} and {}", loss(&whole));
        }
        for at in 0..2 {
            let outcome = |part: &Value| bits(&part["corruptions"][at]["severities"][0]["outcome"]);
            assert_eq!(joined(&outcome), outcome(&whole), "corruption {at}");
        }
    }
    let robust = bits(&whole["attacks"][0]["outcome"]);
    assert!(robust.contains(&0) && robust.contains(&1), "{robust:?}");
}

#[test]
fn images_of_another_size_or_other_classes_are_refused_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let (network, _) = files(folder.path());
    for (classes, side, rule) in [(7, 32, "as many classes as the network, 10"), (10, 64, "must be 32x32 pixels")] {
        let images = Tensor::zeros([4, 3, side, side], (Kind::Uint8, Device::Cpu));
        let names = (0..classes).map(|class| class.to_string()).collect();
        let labels = Tensor::zeros([4], (Kind::Int64, Device::Cpu));
        let data = Dataset::new(images, labels, names, "noise", "test").unwrap();
        let split = folder.path().join("other");
        save_split(&data, "noise", &split).unwrap();
        let refused = evaluate(&request(&(network.clone(), split), 0, 0, None), &Control::default()).unwrap_err();
        let said = refused.to_string();
        assert!(said.starts_with("data is") && said.contains(rule), "{said}");
    }
}

/// A control that stops the job at the event number `stop`, and the events seen.
fn stopped_at(stop: usize) -> (Control, Arc<Mutex<Vec<Progress>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (events, handle) = (Arc::clone(&seen), Arc::new(Mutex::new(None::<Control>)));
    let inner = Arc::clone(&handle);
    let control = Control::new(Arc::new(move |event: Progress| {
        let mut events = events.lock().unwrap();
        events.push(event);
        if events.len() == stop {
            inner.lock().unwrap().as_ref().unwrap().cancel();
        }
    }));
    *handle.lock().unwrap() = Some(control.clone());
    (control, seen)
}

fn without_times(mut result: Value) -> Value {
    for attack in result["attacks"].as_array_mut().unwrap() {
        attack["imagesPerSecond"] = json!(0);
        for stage in attack["stages"].as_array_mut().unwrap() {
            stage["seconds"] = json!(0);
        }
    }
    result
}

#[test]
fn a_stopped_job_goes_on_inside_its_attack_and_ends_with_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let (free, all) = stopped_at(usize::MAX);
    let whole = without_times(evaluate(&request(&files, 0, 0, None), &free).unwrap());
    let events = all.lock().unwrap().len();
    let in_attack = |name: &str| all.lock().unwrap().iter().position(|event| event.phase.contains(name)).unwrap();
    for (number, stop) in
        [in_attack("PGD") + 2, in_attack("APGD-T") + 4, in_attack("Square") + 2].into_iter().enumerate()
    {
        let checkpoint = folder.path().join(format!("checkpoint-{number}"));
        let (control, _) = stopped_at(stop);
        let cancelled = evaluate(&request(&files, 0, 0, Some(&checkpoint)), &control);
        assert!(matches!(cancelled, Err(EngineError::Cancelled)), "at {stop} of {events}");
        let (control, again) = stopped_at(usize::MAX);
        let ended = evaluate(&request(&files, 0, 0, Some(&checkpoint)), &control).unwrap();
        assert_eq!(without_times(ended), whole, "stopped at {stop}");
        let again = again.lock().unwrap().len();
        assert!(again < events, "{again} events after the stop at {stop}, {events} in one go");
    }
}

#[test]
fn progress_says_what_the_accuracy_can_be_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let (control, seen) = stopped_at(usize::MAX);
    let result = evaluate(&request(&files, 0, 0, None), &control).unwrap();
    let seen = seen.lock().unwrap();
    let name = "PGD, 4 steps, 2 restarts: robust at most";
    let bounds: Vec<f64> = seen.iter().filter_map(|event| event.metrics.get(name).copied()).collect();
    assert!(bounds.windows(2).all(|pair| pair[0] >= pair[1]), "{bounds:?}");
    let robust = result["attacks"][0]["outcome"]["correct"].as_f64().unwrap() / IMAGES as f64;
    assert!((bounds[bounds.len() - 1] - robust).abs() < 1e-9);
    assert!(seen.iter().any(|event| event.metrics.keys().any(|key| key.ends_with("robust after PGD"))));
}
