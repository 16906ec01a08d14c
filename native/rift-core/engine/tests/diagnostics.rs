//! The diagnostics catch networks whose gradients mislead attacks, and let an honest one pass.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod toy;

use rift_engine::attack::Pair;
use rift_engine::control::Control;
use rift_engine::diagnose::{diagnose, Check, Diagnosis, Subject, Verdict};
use rift_engine::error::{EngineError, Result};
use rift_engine::net::Classifier;
use rift_engine::spec::{DiagnosticsSpec, Norm, ThreatModel};
use tch::{Device, Kind, Tensor};
use toy::{data, train, Toy};

/// What is done to the hidden activations (before the ReLU), or to the scores.
enum Defence {
    /// Rounded to multiples of a step: no gradient at all.
    Quantised(f64),
    /// Set to the channel's mean where they are within `.0` standard deviations of it, as `MeanSparse` does: the gradient
    /// leaves out whatever lies there.
    MeanSparse(f64),
    /// Scores multiplied until softmax saturates: cross-entropy has no gradient left, the margin still has.
    Sharp(f64),
    /// A softmax at the end.
    Probabilities,
}

struct Defended {
    toy: Toy,
    defence: Defence,
    mean: Tensor,
    deviation: Tensor,
}

impl Defended {
    fn new(defence: Defence) -> Self {
        let toy = train();
        let (images, _) = data(600, 1).batch(&(0..600).collect::<Vec<_>>()).unwrap();
        let hidden = (images.flatten(1, -1) - 0.5).matmul(&toy.first);
        let mean = hidden.mean_dim([0i64].as_slice(), false, Kind::Float);
        let deviation = hidden.std_dim([0i64].as_slice(), true, false);
        Self { toy, defence, mean, deviation }
    }
}

impl Classifier for Defended {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let hidden = images.f_flatten(1, -1)?.f_sub_scalar(0.5)?.f_matmul(&self.toy.first)?;
        let hidden = match self.defence {
            Defence::Quantised(step) => hidden.f_divide_scalar(step)?.f_round()?.f_mul_scalar(step)?,
            Defence::MeanSparse(share) => {
                let near = hidden.f_sub(&self.mean)?.f_abs()?.f_lt_tensor(&self.deviation.f_mul_scalar(share)?)?;
                self.mean.f_expand_as(&hidden)?.f_where_self(&near, &hidden)?
            }
            _ => hidden,
        };
        let scores = hidden.f_relu()?.f_matmul(&self.toy.second)?;
        Ok(match self.defence {
            Defence::Sharp(factor) => scores.f_mul_scalar(factor)?,
            Defence::Probabilities => scores.f_softmax(1, Kind::Float)?,
            _ => scores,
        })
    }

    fn device(&self) -> Device {
        Device::Cpu
    }
}

fn diagnosed(network: &dyn Classifier, norm: Norm, epsilon: f64) -> Diagnosis {
    let data = data(90, 2);
    let pair = Pair { fast: network, judge: network };
    let subject = Subject { pair: &pair, data: &data, offset: 0, seed: 7, batch_size: 32 };
    let spec = DiagnosticsSpec { threat_model: ThreatModel { norm, epsilon }, images: 80 };
    let mut last = 0.0;
    let found = diagnose(&subject, &spec, &Control::default(), &mut |_, share| {
        assert!((last..=1.0 + 1e-9).contains(&share), "{share} after {last}");
        last = share;
    });
    let found = found.unwrap();
    for rung in &found.ladder {
        println!("{}: {} of {}", rung.name, rung.outcome.correct, rung.outcome.total);
    }
    for check in &found.checks {
        println!("{:?} {} {:.4}: {}", check.verdict, check.name, check.value, check.finding);
    }
    found
}

fn check<'a>(found: &'a Diagnosis, name: &str) -> &'a Check {
    found.checks.iter().find(|check| check.name == name).unwrap()
}

#[test]
fn an_honest_network_passes_in_both_norms() {
    let toy = train();
    for (norm, epsilon) in [(Norm::Linf, 0.04), (Norm::L2, 0.5)] {
        let found = diagnosed(&toy, norm, epsilon);
        assert_eq!(found.verdict, Verdict::Pass, "{norm:?}");
        assert_eq!(found.checks.len(), 12);
        assert!(found.images > 60 && found.images <= 80);
        assert!(found.ladder.iter().all(|rung| rung.outcome.total == found.images));
    }
}

#[test]
fn quantised_activations_are_caught_by_their_missing_gradients() {
    let found = diagnosed(&Defended::new(Defence::Quantised(0.5)), Norm::Linf, 0.04);
    assert_eq!(found.verdict, Verdict::Fail);
    assert_eq!(check(&found, "gradients").verdict, Verdict::Fail);
    assert_eq!(check(&found, "linear_response").verdict, Verdict::Fail);
    assert_eq!(check(&found, "unbounded").verdict, Verdict::Fail);
}

#[test]
fn a_mean_sparse_operator_is_caught_by_what_its_gradients_leave_out() {
    let found = diagnosed(&Defended::new(Defence::MeanSparse(1.0)), Norm::Linf, 0.04);
    assert_eq!(found.verdict, Verdict::Fail);
    assert_ne!(check(&found, "linear_response").verdict, Verdict::Pass);
}

#[test]
fn saturated_scores_are_caught() {
    let found = diagnosed(&Defended::new(Defence::Sharp(2000.0)), Norm::Linf, 0.04);
    assert_ne!(found.verdict, Verdict::Pass);
}

#[test]
fn a_softmax_at_the_end_is_caught() {
    let found = diagnosed(&Defended::new(Defence::Probabilities), Norm::Linf, 0.04);
    assert_eq!(check(&found, "logits").verdict, Verdict::Fail);
}

#[test]
fn nothing_is_said_of_a_network_that_gets_no_image_right() {
    struct Wrong;
    impl Classifier for Wrong {
        fn logits(&self, images: &Tensor) -> Result<Tensor> {
            Ok(images
                .f_flatten(1, -1)?
                .f_narrow(1, 0, toy::CLASSES)?
                .f_mul_scalar(0.0)?
                .f_add(&Tensor::f_from_slice(&[0.0f32, 0.0, 0.0, 0.0, 0.0, 1.0])?)?)
        }
        fn device(&self) -> Device {
            Device::Cpu
        }
    }
    let all = data(90, 2);
    let rows: Vec<i64> = (0..90).filter(|at| at % toy::CLASSES != 5).collect();
    let data = all.subset(&rows).unwrap();
    let pair = Pair { fast: &Wrong, judge: &Wrong };
    let subject = Subject { pair: &pair, data: &data, offset: 0, seed: 7, batch_size: 32 };
    let spec = DiagnosticsSpec { threat_model: ThreatModel { norm: Norm::Linf, epsilon: 0.04 }, images: 80 };
    let refused = diagnose(&subject, &spec, &Control::default(), &mut |_, _| {}).unwrap_err();
    assert_eq!(refused.field(), Some("data"), "{refused}");
}

#[test]
fn a_cancelled_diagnosis_stops() {
    let (toy, data) = (train(), data(20, 2));
    let pair = Pair { fast: &toy, judge: &toy };
    let subject = Subject { pair: &pair, data: &data, offset: 0, seed: 7, batch_size: 32 };
    let spec = DiagnosticsSpec { threat_model: ThreatModel { norm: Norm::Linf, epsilon: 0.04 }, images: 20 };
    let control = Control::default();
    let handle = control.clone();
    let stopped = diagnose(&subject, &spec, &control, &mut |_, share| {
        if share > 0.2 {
            handle.cancel();
        }
    });
    assert!(matches!(stopped, Err(EngineError::Cancelled)));
}
