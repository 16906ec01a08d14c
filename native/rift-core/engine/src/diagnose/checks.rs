//! From what was found to verdicts. Shares are of the images that the network gets right.

use super::ladder::Climbed;
use super::probe::Probed;
use super::{Check, Verdict};
use crate::attack::flags::Scores;
use crate::spec::ThreatModel;

/// Share of loss changes that gradients must explain; below the second figure they are worth nothing.
const EXPLAINED: (f64, f64) = (0.5, 0.25);
/// float32 arithmetic may leave the ball by this share of ε.
const ROUNDING: f64 = 1e-5;

/// Every check.
pub fn all(probed: &Probed, climbed: &Climbed, scores: &Scores, model: ThreatModel) -> Vec<Check> {
    let images = climbed.ten_steps.len().max(1) as f64;
    let share = |count: u64| count as f64 / images;
    let more = |weaker: &[u8], stronger: &[u8]| share(only_weaker(weaker, stronger));
    let radius = climbed.radii.windows(2).map(|pair| more(&pair[0].1, &pair[1].1)).fold(0.0, f64::max);
    let unbounded = climbed.radii.last().map_or(0, |(_, robust)| robust.iter().map(|one| u64::from(*one)).sum());
    // A single image of a small number is chance, whatever its share.
    let few = |limit: f64| limit.max(1.5 / images);
    vec![
        shares("gradients", share(probed.no_gradient), (0.0, 0.02), "of the images have no gradient at a random point of \
            the ball: gradient attacks cannot start there", "every image has a gradient"),
        explained(probed.explained),
        shares("silent_success", share(probed.silent), (few(0.05), 1.0), "of the images are fooled on PGD's path and not \
            at its end; an attack that looks at its last point alone misses them (those reported here look at every point)",
            "of the images are fooled on PGD's path and not at its end"),
        shares("convergence", more_fallen(&climbed.ten_steps, &climbed.forty_steps, images), (few(0.05), 1.0),
            "of the images fall to 40 steps and not to 10: an accuracy under 10 steps is too high by as much",
            "of the images fall to 40 steps and not to 10"),
        shares("transfer", share(probed.apart), (few(0.02), few(0.1)), "of the adversarial images are classified otherwise \
            by the fast network (half precision, folded) and by the exact one; use precision fp32",
            "of the adversarial images are classified otherwise by the fast network and by the exact one"),
        shares("one_step", more(&climbed.one_step, &climbed.ten_steps), (few(0.02), few(0.05)), "of the images fall to one \
            step and not to ten, which only a misleading gradient explains",
            "of the images fall to one step and not to ten"),
        shares("radius", radius, (few(0.02), few(0.05)), "of the images fall at a radius and not at the next larger one, \
            though what fools them is inside both", "of the images fall at a radius and not at the next larger one"),
        shares("unbounded", share(unbounded), (few(0.01), few(0.05)), "of the images stand an attack without any bound, \
            which can turn them into any other image: the attack does not work on this network",
            "of the images stand an attack without any bound"),
        shares("square", more(&climbed.with_square, &climbed.white_box), (few(0.005), few(0.02)), "of the images fall to \
            Square, which sees scores alone, and to no gradient attack: gradients are masked",
            "of the images fall to Square and to no gradient attack"),
        bounds(climbed, model),
        randomness(scores),
        logits(scores),
    ]
}

/// Images that fall to the first and not to the second.
fn only_weaker(first: &[u8], second: &[u8]) -> u64 {
    first.iter().zip(second).filter(|(first, second)| **first == 0 && **second == 1).count() as u64
}

fn more_fallen(weaker: &[u8], stronger: &[u8], images: f64) -> f64 {
    only_weaker(stronger, weaker) as f64 / images
}

fn verdict(value: f64, (pass, warn): (f64, f64)) -> Verdict {
    match value {
        value if value <= pass => Verdict::Pass,
        value if value <= warn => Verdict::Warn,
        _ => Verdict::Fail,
    }
}

/// A share that may be at most the first limit, and at most the second without being grave.
fn shares(name: &'static str, value: f64, limits: (f64, f64), bad: &str, good: &str) -> Check {
    let verdict = verdict(value, limits);
    let finding = match verdict {
        Verdict::Pass if good.starts_with("of ") => format!("{} {good}", percent(value)),
        Verdict::Pass => good.to_string(),
        _ => format!("{} {bad}", percent(value)),
    };
    Check { name, verdict, value, limit: limits.0, finding }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn explained(value: f64) -> Check {
    let verdict = match value {
        value if value >= EXPLAINED.0 => Verdict::Pass,
        value if value >= EXPLAINED.1 => Verdict::Warn,
        _ => Verdict::Fail,
    };
    let share = percent(value.max(0.0));
    let finding = if verdict == Verdict::Pass {
        format!("the gradient explains {share} of how the scores change over an eighth of the radius")
    } else {
        format!(
            "the gradient explains only {share} of how the scores change over an eighth of the radius: it is shattered or \
             leaves a part of the network out; attack a smooth stand-in of the network instead"
        )
    };
    Check { name: "linear_response", verdict, value, limit: EXPLAINED.0, finding }
}

fn bounds(climbed: &Climbed, model: ThreatModel) -> Check {
    let (low, high) = climbed.pixels;
    let inside = climbed.largest <= 1.0 + ROUNDING && low >= 0.0 && high <= 1.0;
    let sound = inside && climbed.misjudged == 0;
    let finding = if sound {
        format!(
            "every perturbation is inside the ball of {:.5} and every pixel inside [0, 1], recomputed in float64",
            model.epsilon
        )
    } else {
        format!(
            "the largest perturbation is {:.6} of its radius, pixels are {low} to {high}, and {} images are judged \
             otherwise than the attack said: the attack itself is at fault",
            climbed.largest, climbed.misjudged
        )
    };
    let verdict = if sound { Verdict::Pass } else { Verdict::Fail };
    Check { name: "bounds", verdict, value: climbed.largest, limit: 1.0 + ROUNDING, finding }
}

fn randomness(scores: &Scores) -> Check {
    let same = scores.largest_difference <= Scores::SAME;
    let finding = if same {
        "the same images get the same scores".to_string()
    } else {
        "the network is randomised: the same images get other scores; use the list AutoAttack rand".to_string()
    };
    let (verdict, value) = (if same { Verdict::Pass } else { Verdict::Fail }, scores.largest_difference.min(f64::MAX));
    Check { name: "randomness", verdict, value, limit: Scores::SAME, finding }
}

fn logits(scores: &Scores) -> Check {
    let finding = if scores.are_probabilities {
        "the network gives probabilities, which weakens gradient attacks; attack it without its softmax"
    } else {
        "the network gives logits"
    };
    let (verdict, value) = if scores.are_probabilities { (Verdict::Fail, 1.0) } else { (Verdict::Pass, 0.0) };
    Check { name: "logits", verdict, value, limit: 0.0, finding: finding.to_string() }
}
