//! The fixed lists of AutoAttack (Croce & Hein 2020): parameter-free, so `steps`, `restarts` and `targets` of the
//! settings mean nothing here. 100 iterations, 5,000 queries, at most 9 targets.

use super::stage::{least_classes, Stage};
use crate::spec::{AttackKind, AttackSpec, Norm};

const ITERATIONS: u32 = 100;
const QUERIES: u32 = 5000;
const TARGETS: u32 = 9;
/// Targets of APGD-T in the L1 ball.
const L1_TARGETS: u32 = 5;
const SAMPLES: u32 = 20;

/// Stages of a list, and what was left out for want of classes.
pub fn stages(list: &AttackSpec, classes: i64) -> (Vec<Stage>, Vec<String>) {
    use AttackKind::{ApgdCe, ApgdDlr, ApgdT, FabT, Square};
    let l1 = list.threat_model.norm == Norm::L1;
    // Kind, restarts, targets (0 for untargeted).
    let cross_entropy = (ApgdCe, if l1 { 5 } else { 1 }, 0);
    let targeted = (ApgdT, 1, if l1 { L1_TARGETS } else { TARGETS });
    let attacks: Vec<(AttackKind, u32, u32)> = match list.kind {
        AttackKind::AutoAttackPlus => {
            vec![(ApgdCe, 5, 0), (ApgdDlr, 5, 0), (FabT, 5, 0), (Square, 1, 0), (ApgdT, 1, TARGETS), (FabT, 1, TARGETS)]
        }
        AttackKind::AutoAttackRand => vec![(ApgdCe, 1, 0), (ApgdDlr, 1, 0)],
        // Few robust networks keep an image that APGD-T leaves: its end is nearly the end of all, at a third of the cost.
        AttackKind::AutoAttackDecisive => vec![targeted, cross_entropy, (FabT, 1, TARGETS), (Square, 1, 0)],
        _ => vec![cross_entropy, targeted, (FabT, 1, TARGETS), (Square, 1, 0)],
    };
    let mut notes = Vec::new();
    let mut stages = Vec::new();
    for (kind, restarts, targets) in attacks {
        let least = least_classes(kind);
        if classes < least {
            notes.push(format!(
                "{} was left out: it needs at least {least} classes and the network has {classes}, \
                 so the list is weaker than its name says",
                kind.name()
            ));
            continue;
        }
        let spec = AttackSpec {
            kind,
            steps: if kind == Square { QUERIES } else { ITERATIONS },
            restarts,
            targets: targets.min((classes - 1) as u32),
            random_start: true,
            ..list.clone()
        };
        let gradient_samples = if list.kind == AttackKind::AutoAttackRand { SAMPLES } else { 1 };
        stages.push(Stage { spec, gradient_samples });
    }
    (stages, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ThreatModel;

    fn list(kind: AttackKind, norm: Norm) -> AttackSpec {
        AttackSpec { kind, threat_model: ThreatModel { norm, epsilon: 0.1 }, ..AttackSpec::pgd(0.1, 0.1, 3, 3) }
    }

    fn shape(kind: AttackKind, norm: Norm, classes: i64) -> Vec<(AttackKind, u32, u64)> {
        let (stages, _) = stages(&list(kind, norm), classes);
        stages.iter().map(|stage| (stage.spec.kind, stage.spec.steps, stage.passes())).collect()
    }

    #[test]
    fn the_lists_are_the_published_ones() {
        use AttackKind::{ApgdCe, ApgdDlr, ApgdT, FabT, Square};
        let standard = shape(AttackKind::AutoAttackStandard, Norm::Linf, 10);
        assert_eq!(standard, [(ApgdCe, 100, 1), (ApgdT, 100, 9), (FabT, 100, 9), (Square, 5000, 1)]);
        let sparse = shape(AttackKind::AutoAttackStandard, Norm::L1, 10);
        assert_eq!(sparse, [(ApgdCe, 100, 5), (ApgdT, 100, 5), (FabT, 100, 9), (Square, 5000, 1)]);
        let plus = shape(AttackKind::AutoAttackPlus, Norm::L2, 10);
        let fab = [(FabT, 100, 5), (Square, 5000, 1), (ApgdT, 100, 9), (FabT, 100, 9)];
        assert_eq!(plus[..2], [(ApgdCe, 100, 5), (ApgdDlr, 100, 5)]);
        assert_eq!(plus[2..], fab);
        let (rand, _) = stages(&list(AttackKind::AutoAttackRand, Norm::Linf), 10);
        assert!(rand.iter().all(|stage| stage.gradient_samples == 20));
    }

    #[test]
    fn few_classes_mean_fewer_targets_and_a_note_where_an_attack_is_undefined() {
        use AttackKind::{ApgdCe, ApgdT, FabT, Square};
        let four = shape(AttackKind::AutoAttackStandard, Norm::Linf, 4);
        assert_eq!(four, [(ApgdCe, 100, 1), (ApgdT, 100, 3), (FabT, 100, 3), (Square, 5000, 1)]);
        let (two, notes) = stages(&list(AttackKind::AutoAttackStandard, Norm::Linf), 2);
        assert_eq!(two.len(), 3);
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains("APGD-T") && notes[0].contains("4 classes"), "{notes:?}");
    }
}
