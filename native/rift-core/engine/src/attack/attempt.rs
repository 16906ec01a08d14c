//! Tries of one stage on the images of a batch. Images share nothing, so each lane takes its rows from the first step to
//! the last: lanes meet once, not once a gradient, and nothing runs beside them that would take their processors.

use super::robust::{Attacked, Pair};
use super::stage::Stage;
use super::tries::Tries;
use super::{apgd, fab, pgd, square};
use crate::control::Control;
use crate::error::Result;
use crate::lanes::{self, spans};
use crate::rng;
use crate::spec::AttackKind;

/// Attacks every row of `tries`.
pub fn attempt(pair: &Pair<'_>, tries: &Tries, stage: &Stage, seed: u64, control: &Control) -> Result<Attacked> {
    // Attacks of a list never share noise.
    let seed = rng::derive(seed, "attack", &[stage.spec.kind as u64, u64::from(stage.is_targeted())]);
    let lanes: Vec<_> = pair.fast.lanes().iter().zip(pair.judge.lanes()).collect();
    let parts = spans(tries.keys.len() as i64, lanes.len());
    if parts.len() < 2 {
        return alone(pair, tries, stage, seed, control);
    }
    let parts = parts.into_iter().zip(lanes).map(|((first, rows), (fast, judge))| {
        let (fast, judge, stage, control) = (fast.clone(), judge.clone(), stage.clone(), control.clone());
        let tries = tries.narrow(first, rows)?;
        Ok(move || alone(&Pair { fast: &fast, judge: &judge }, &tries, &stage, seed, &control))
    });
    Attacked::together(&lanes::run(parts.collect::<Result<_>>()?)?)
}

fn alone(pair: &Pair<'_>, tries: &Tries, stage: &Stage, seed: u64, control: &Control) -> Result<Attacked> {
    match stage.spec.kind {
        AttackKind::ApgdCe | AttackKind::ApgdDlr | AttackKind::ApgdT => {
            apgd::attempt(pair, tries, stage, seed, control)
        }
        AttackKind::FabT => fab::attempt(pair, tries, stage, seed, control),
        AttackKind::Square => square::attempt(pair, tries, stage, seed, control),
        _ => pgd::attempt(pair, tries, &stage.spec, seed, control),
    }
}
