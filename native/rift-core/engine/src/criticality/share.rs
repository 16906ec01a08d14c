//! The images that one lane works on: losses and gradients under changed weights.

use std::sync::{Arc, Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::weights::Weights;
use crate::attack::loss::{cross_entropy, is_right};
use crate::control::Control;
use crate::error::Result;
use crate::evaluate;
use crate::lanes::{self, spans};

/// What is asked of every image.
pub struct Look {
    /// Weights of the entered modules.
    pub weights: Vec<Tensor>,
    /// Images whose loss is differentiated.
    pub climbed: Climbed,
    /// Whether the other images are judged.
    pub judges_rest: bool,
}

impl Look {
    /// The same, for another lane; its tensors are shared.
    fn again(&self) -> Self {
        let weights = self.weights.iter().map(Tensor::shallow_clone).collect();
        Self { weights, climbed: self.climbed.clone(), judges_rest: self.judges_rest }
    }
}

/// Images whose loss is differentiated.
#[derive(Clone)]
pub enum Climbed {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// Those with true, one entry for each image of the whole set.
    Rows(Arc<Vec<bool>>),
    /// Those with true; and not their loss, but the log-probability of a class.
    Towards(i64, Arc<Vec<bool>>),
}

/// What came of it.
#[derive(Default)]
pub struct Seen {
    /// Cross-entropy of each image of the share; NaN where an image was not asked for.
    pub losses: Vec<f32>,
    /// Whether each is classified right.
    pub right: Vec<u8>,
    /// Gradients of the summed loss with respect to the weights; empty when no image was climbed.
    pub gradients: Vec<Tensor>,
}

impl Seen {
    /// Takes in what the images behind these gave.
    fn append(&mut self, other: Self) -> Result<()> {
        self.losses.extend(other.losses);
        self.right.extend(other.right);
        if self.gradients.is_empty() {
            self.gradients = other.gradients;
        } else {
            for (sum, gradient) in self.gradients.iter_mut().zip(&other.gradients) {
                let _ = sum.f_add_(gradient)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, rows: &[i64], logits: &Tensor, loss: &Tensor, labels: &Tensor) -> Result<()> {
        let losses = evaluate::floats(&loss.f_detach()?)?;
        let right = evaluate::bytes(&is_right(&logits.f_detach()?, labels)?)?;
        for ((row, loss), right) in rows.iter().zip(losses).zip(right) {
            self.losses[*row as usize] = loss;
            self.right[*row as usize] = right;
        }
        Ok(())
    }
}

/// Neighbouring images in batches, and a network of the lane's own.
struct Share {
    network: Box<dyn Weights>,
    /// Number of the first image within the whole set.
    first: i64,
    images: Vec<Tensor>,
    labels: Vec<Tensor>,
}

/// A network for each lane, and the images spread over them.
pub struct Shares(Vec<Arc<Mutex<Share>>>);

impl Shares {
    /// Spreads the images over `networks`, at most `at_once` to a batch.
    pub fn new(networks: Vec<Box<dyn Weights>>, images: &Tensor, labels: &Tensor, at_once: i64) -> Result<Self> {
        let shares =
            spans(images.size()[0], networks.len()).into_iter().zip(networks).map(|((first, count), network)| {
                let batches = spans(count, ((count + at_once - 1) / at_once).max(1) as usize);
                let cut = |tensor: &Tensor| -> Result<Vec<Tensor>> {
                    batches.iter().map(|(at, rows)| Ok(tensor.f_narrow(0, first + at, *rows)?)).collect()
                };
                Ok(Arc::new(Mutex::new(Share { network, first, images: cut(images)?, labels: cut(labels)? })))
            });
        Ok(Self(shares.collect::<Result<_>>()?))
    }

    /// Makes `modules` the ones whose weights are given.
    pub fn enter(&self, modules: &[String], control: &Control) -> Result<()> {
        let modules = Arc::new(modules.to_vec());
        self.each(|| {
            let (modules, control) = (Arc::clone(&modules), control.clone());
            move |share| share.network.enter(&modules, &share.images, &control)
        })?;
        Ok(())
    }

    /// Answers `look`, images in the order of the whole set.
    pub fn look(&self, look: &Look, control: &Control) -> Result<Seen> {
        let mut all = Seen::default();
        let seen = self.each(|| {
            let (look, control) = (look.again(), control.clone());
            move |share| share.look(&look, &control)
        })?;
        for seen in seen {
            all.append(seen)?;
        }
        Ok(all)
    }

    /// Does the work that `make` gives out with each share on its lane.
    fn each<T, W>(&self, make: impl Fn() -> W) -> Result<Vec<T>>
    where
        T: Send + 'static,
        W: FnOnce(&mut Share) -> Result<T> + Send + 'static,
    {
        let parts = self.0.iter().map(|share| {
            let (share, work) = (Arc::clone(share), make());
            move || work(&mut share.lock().unwrap_or_else(PoisonError::into_inner))
        });
        lanes::run(parts.collect())
    }
}

impl Share {
    fn look(&mut self, look: &Look, control: &Control) -> Result<Seen> {
        let leaves = self.network.leaves(&look.weights)?;
        let mut seen = Seen::default();
        let mut first = self.first;
        for at in 0..self.images.len() {
            control.check()?;
            seen.append(self.look_at(at, first, look, &leaves)?)?;
            first += self.images[at].size()[0];
        }
        Ok(seen)
    }

    /// Looks at the batch `at`, which begins with image `first` of the whole set.
    fn look_at(&self, at: usize, first: i64, look: &Look, leaves: &[Tensor]) -> Result<Seen> {
        let count = self.labels[at].size()[0];
        let is_climbed = |row: &i64| match &look.climbed {
            Climbed::Nothing => false,
            Climbed::Everything => true,
            Climbed::Rows(rows) | Climbed::Towards(_, rows) => rows[(first + row) as usize],
        };
        let (climbed, rest): (Vec<i64>, Vec<i64>) = (0..count).partition(is_climbed);
        let mut seen =
            Seen { losses: vec![f32::NAN; count as usize], right: vec![0; count as usize], gradients: Vec::new() };
        if !climbed.is_empty() {
            let (logits, loss, labels) = self.losses(at, &climbed, leaves)?;
            let climbed_height = match look.climbed {
                Climbed::Towards(class, _) => cross_entropy(&logits, &labels.f_full_like(class)?)?.f_neg()?,
                _ => loss.shallow_clone(),
            };
            seen.gradients = Tensor::f_run_backward(&[climbed_height.f_sum(Kind::Float)?], leaves, false, false)?;
            seen.note(&climbed, &logits, &loss, &labels)?;
        }
        if look.judges_rest && !rest.is_empty() {
            let _guard = tch::no_grad_guard();
            let (logits, loss, labels) = self.losses(at, &rest, leaves)?;
            seen.note(&rest, &logits, &loss, &labels)?;
        }
        Ok(seen)
    }

    /// Logits, losses and labels of the `rows` of the batch `at`.
    fn losses(&self, at: usize, rows: &[i64], leaves: &[Tensor]) -> Result<(Tensor, Tensor, Tensor)> {
        let labels = &self.labels[at];
        let rows = if rows.len() as i64 == labels.size()[0] {
            None
        } else {
            Some(Tensor::f_from_slice(rows)?.f_to_device(labels.device())?)
        };
        let logits = self.network.logits(at, rows.as_ref(), &self.images, leaves)?;
        let labels = match &rows {
            Some(rows) => labels.f_index_select(0, rows)?,
            None => labels.shallow_clone(),
        };
        let loss = cross_entropy(&logits, &labels)?;
        Ok((logits, loss, labels))
    }
}
