//! Lists of attacks: stages, flags, and going on after a stop.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod toy;

use rift_engine::attack::runner::Source;
use rift_engine::attack::{self, flags, DatasetAttack, Pair, Resume};
use rift_engine::control::Control;
use rift_engine::error::{EngineError, Result};
use rift_engine::net::Classifier;
use rift_engine::spec::{AttackKind, AttackSpec, Norm};
use tch::{Device, Kind, Tensor};
use toy::{accuracy, data, run, spec, train, Toy};

#[test]
fn the_standard_list_is_at_least_as_strong_as_each_of_its_attacks() {
    let (toy, data) = (train(), data(24, 2));
    let list = run(&toy, &data, &spec(AttackKind::AutoAttackStandard, Norm::Linf, 0.04), 24, 0);
    let kinds: Vec<AttackKind> = list.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [AttackKind::ApgdCe, AttackKind::ApgdT, AttackKind::FabT, AttackKind::Square]);
    assert!(list.stages.windows(2).all(|pair| pair[0].robust >= pair[1].robust), "{:?}", list.stages);
    assert_eq!(list.stages[3].robust, list.per_image.iter().map(|robust| u32::from(*robust)).sum::<u32>());
    assert!(list.stages.iter().all(|stage| stage.seconds >= 0.0));
    assert!(list.audit.max_perturbation <= 0.04 * (1.0 + 1e-5));
    let alone = run(&toy, &data, &spec(AttackKind::Pgd, Norm::Linf, 0.04), 24, 0);
    assert!(accuracy(&list) <= accuracy(&alone));
    assert!(accuracy(&list) > 0.0 && accuracy(&list) < 1.0, "{}", accuracy(&list));
}

#[test]
fn the_decisive_attack_first_makes_the_same_images_fall() {
    let (toy, data) = (train(), data(12, 2));
    let of = |kind| run(&toy, &data, &spec(kind, Norm::Linf, 0.04), 24, 0);
    let (standard, decisive) = (of(AttackKind::AutoAttackStandard), of(AttackKind::AutoAttackDecisive));
    assert_eq!(decisive.per_image, standard.per_image);
    let kinds: Vec<AttackKind> = decisive.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [AttackKind::ApgdT, AttackKind::ApgdCe, AttackKind::FabT, AttackKind::Square]);
    assert!(decisive.stages[0].robust <= standard.stages[1].robust + 1, "APGD-T alone decides nearly all");
}

/// Runs `spec` over 40 images, cancelled after `stop` batches when given.
fn resumable(
    toy: &Toy, spec: &AttackSpec, path: &std::path::Path, digest: &str, stop: Option<usize>,
) -> Result<attack::DatasetAttacked> {
    let data = data(40, 2);
    let pair = Pair { fast: toy, judge: toy };
    let attack = DatasetAttack { pair: &pair, data: &data, offset: 0, spec, seed: 7, batch_size: 9, keep_images: true };
    let control = Control::default();
    let handle = control.clone();
    let mut batches = 0;
    let resume = Resume { path, network_digest: digest, keep: false };
    attack::run_resumable(&attack, Some(&resume), &control, &mut |_| {
        batches += 1;
        if Some(batches) == stop {
            handle.cancel();
        }
    })
}

#[test]
fn a_stopped_attack_goes_on_to_the_same_end() {
    let toy = train();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let mut spec = spec(AttackKind::ApgdT, Norm::L2, 0.5);
    spec.restarts = 2;
    let whole = resumable(&toy, &spec, &path, "net", None).unwrap();
    assert!(!path.exists(), "a finished run leaves no state");
    for stop in [1, 6, 11] {
        let stopped = resumable(&toy, &spec, &path, "net", Some(stop));
        assert!(matches!(stopped, Err(EngineError::Cancelled)));
        assert!(path.exists());
        let ended = resumable(&toy, &spec, &path, "net", None).unwrap();
        assert_eq!(ended.per_image, whole.per_image, "stopped after {stop}");
        assert_eq!(ended.losses, whole.losses, "stopped after {stop}");
        assert_eq!(ended.images.as_ref().unwrap(), whole.images.as_ref().unwrap(), "stopped after {stop}");
        assert_eq!(ended.image_steps, whole.image_steps, "nothing is done twice");
        assert_eq!(ended.audit, whole.audit);
        assert!(!path.exists());
    }
}

#[test]
fn the_state_of_other_work_is_refused() {
    let toy = train();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let spec = spec(AttackKind::Pgd, Norm::Linf, 0.04);
    assert!(resumable(&toy, &spec, &path, "net", Some(1)).is_err());
    let mut other = spec.clone();
    other.steps += 1;
    for (spec, digest) in [(&spec, "another net"), (&other, "net")] {
        let refused = resumable(&toy, spec, &path, digest, None).err().unwrap();
        assert_eq!(refused.code(), "InvalidFile");
        assert!(refused.to_string().contains("delete it"), "{refused}");
    }
    assert!(resumable(&toy, &spec, &path, "net", None).is_ok());
}

/// What may be wrong with a network under attack.
enum Fault {
    Probabilities,
    Random,
    Rounded,
}

struct Faulty(Toy, Fault, std::cell::Cell<f64>);

impl Classifier for Faulty {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        match self.1 {
            Fault::Probabilities => Ok(self.0.logits(images)?.f_softmax(1, Kind::Float)?),
            Fault::Random => {
                self.2.set(self.2.get() + 0.1);
                let logits = self.0.logits(images)?;
                let noise = Tensor::f_arange(toy::CLASSES, (Kind::Float, Device::Cpu))?.f_mul_scalar(self.2.get())?;
                Ok(logits.f_add(&noise.f_sin()?)?)
            }
            Fault::Rounded => self.0.logits(&images.f_mul_scalar(8.0)?.f_round()?.f_divide_scalar(8.0)?),
        }
    }

    fn device(&self) -> Device {
        Device::Cpu
    }
}

fn faulty(fault: Fault) -> Faulty {
    Faulty(train(), fault, std::cell::Cell::new(0.0))
}

#[test]
fn signs_of_an_overrated_network_are_told() {
    let data = data(20, 2);
    let list = spec(AttackKind::AutoAttackStandard, Norm::Linf, 0.04);
    let of = |network: &dyn Classifier| {
        let pair = Pair { fast: network, judge: network };
        flags::of_network(&pair, &Source::Dataset(&data, 0), &list, 16).unwrap()
    };
    assert!(of(&train()).is_empty());
    let found = of(&faulty(Fault::Probabilities));
    assert!(found.len() == 1 && found[0].contains("probabilities"), "{found:?}");
    let found = of(&faulty(Fault::Random));
    assert!(found.len() == 1 && found[0].contains("randomised"), "{found:?}");
}

#[test]
fn a_network_without_gradients_is_told() {
    let data = data(20, 2);
    let network = faulty(Fault::Rounded);
    let pair = Pair { fast: &network, judge: &network };
    let spec = spec(AttackKind::ApgdCe, Norm::Linf, 0.04);
    let attack =
        DatasetAttack { pair: &pair, data: &data, offset: 0, spec: &spec, seed: 7, batch_size: 16, keep_images: false };
    let attacked = attack::run_dataset(&attack, &Control::default(), &mut |_| {}).unwrap();
    assert_eq!(attacked.flags.len(), 1, "{:?}", attacked.flags);
    assert!(attacked.flags[0].contains("gradient of zero"), "{:?}", attacked.flags);
}

#[test]
fn attacks_that_a_network_has_too_few_classes_for_are_refused() {
    struct Two;
    impl Classifier for Two {
        fn logits(&self, images: &Tensor) -> Result<Tensor> {
            Ok(images.f_flatten(1, -1)?.f_narrow(1, 0, 2)?)
        }
        fn device(&self) -> Device {
            Device::Cpu
        }
    }
    let data = data(4, 2);
    let pair = Pair { fast: &Two, judge: &Two };
    for kind in [AttackKind::ApgdDlr, AttackKind::ApgdT] {
        let spec = spec(kind, Norm::Linf, 0.04);
        let attack = DatasetAttack {
            pair: &pair,
            data: &data,
            offset: 0,
            spec: &spec,
            seed: 7,
            batch_size: 4,
            keep_images: false,
        };
        let refused = attack::run_dataset(&attack, &Control::default(), &mut |_| {}).err().unwrap();
        assert_eq!(refused.field(), Some("kind"), "{refused}");
    }
}
