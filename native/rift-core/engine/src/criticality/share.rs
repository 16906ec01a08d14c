//! The images that one lane works on: losses and gradients under changed weights.

use std::sync::{Arc, Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::weights::{together, Piece, Weights};
use crate::attack::loss::{cross_entropy, is_right};
use crate::control::Control;
use crate::error::Result;
use crate::evaluate;
use crate::lanes::{self, spans};

/// What is asked of the images.
pub struct Look {
    /// Weights of the entered modules.
    pub weights: Vec<Tensor>,
    /// Images whose loss is differentiated.
    pub climbed: Which,
    /// Where given, not their loss is differentiated but the log-probability of this class.
    pub towards: Option<i64>,
    /// Images that are judged; those climbed are in any case.
    pub judged: Which,
}

impl Look {
    /// The same, for another lane; its tensors are shared.
    fn again(&self) -> Self {
        let weights = self.weights.iter().map(Tensor::shallow_clone).collect();
        Self { weights, climbed: self.climbed.clone(), towards: self.towards, judged: self.judged.clone() }
    }
}

/// Some of the images.
#[derive(Clone)]
pub enum Which {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// Those with true, one entry for each image of the whole set.
    Rows(Arc<Vec<bool>>),
}

impl Which {
    fn has(&self, row: i64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Rows(rows) => rows[row as usize],
        }
    }
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
    fn blank(count: i64) -> Self {
        Self { losses: vec![f32::NAN; count as usize], right: vec![0; count as usize], gradients: Vec::new() }
    }

    /// Takes in what the images behind these gave.
    fn append(&mut self, other: Self) -> Result<()> {
        self.losses.extend(other.losses);
        self.right.extend(other.right);
        self.add(other.gradients)
    }

    fn add(&mut self, gradients: Vec<Tensor>) -> Result<()> {
        if self.gradients.is_empty() {
            self.gradients = gradients;
        } else {
            for (sum, gradient) in self.gradients.iter_mut().zip(&gradients) {
                let _ = sum.f_add_(gradient)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, rows: &[i64], losses: &Losses) -> Result<()> {
        let each = evaluate::floats(&losses.each.f_detach()?)?;
        let right = evaluate::bytes(&is_right(&losses.logits.f_detach()?, &losses.labels)?)?;
        for ((row, loss), right) in rows.iter().zip(each).zip(right) {
            self.losses[*row as usize] = loss;
            self.right[*row as usize] = right;
        }
        Ok(())
    }
}

/// Of some images.
struct Losses {
    logits: Tensor,
    each: Tensor,
    labels: Tensor,
}

/// Neighbouring images in batches, and a network of the lane's own.
struct Share {
    network: Box<dyn Weights>,
    /// Number of the first image within the whole set.
    first: i64,
    images: Vec<Tensor>,
    labels: Vec<Tensor>,
    /// Most images of a batch.
    at_once: i64,
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
                Ok(Arc::new(Mutex::new(Share { network, first, images: cut(images)?, labels: cut(labels)?, at_once })))
            });
        Ok(Self(shares.collect::<Result<_>>()?))
    }

    /// Number of lanes that work at the same time.
    pub fn lanes(&self) -> usize {
        self.0.len()
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
        let count = self.labels.iter().map(|labels| labels.size()[0]).sum();
        let mut seen = Seen::blank(count);
        let (climbed, rest): (Vec<i64>, Vec<i64>) = (0..count).partition(|row| look.climbed.has(self.first + row));
        for rows in self.groups(&climbed) {
            control.check()?;
            let losses = self.losses(&rows, &leaves)?;
            let height = match look.towards {
                Some(class) => cross_entropy(&losses.logits, &losses.labels.f_full_like(class)?)?.f_neg()?,
                None => losses.each.shallow_clone(),
            };
            seen.add(Tensor::f_run_backward(&[height.f_sum(Kind::Float)?], &leaves, false, false)?)?;
            seen.note(&rows, &losses)?;
        }
        let judged: Vec<i64> = rest.into_iter().filter(|row| look.judged.has(self.first + row)).collect();
        let _guard = tch::no_grad_guard();
        for rows in self.groups(&judged) {
            control.check()?;
            seen.note(&rows, &self.losses(&rows, &leaves)?)?;
        }
        Ok(seen)
    }

    /// Rows of the share that are computed at once: the batches as they lie where all are wanted, else full batches of those
    /// that are.
    fn groups(&self, rows: &[i64]) -> Vec<Vec<i64>> {
        let batches: Vec<i64> = self.labels.iter().map(|labels| labels.size()[0]).collect();
        if rows.len() as i64 != batches.iter().sum::<i64>() {
            return rows.chunks(self.at_once as usize).map(<[i64]>::to_vec).collect();
        }
        let mut rows = rows.iter().copied();
        batches.into_iter().map(|count| rows.by_ref().take(count as usize).collect()).collect()
    }

    /// Logits, losses and labels of ascending `rows` of the share.
    fn losses(&self, rows: &[i64], leaves: &[Tensor]) -> Result<Losses> {
        let mut pieces = Vec::new();
        let (mut first, mut rest) = (0, rows);
        for (at, labels) in self.labels.iter().enumerate() {
            let count = labels.size()[0];
            let (here, behind) = rest.split_at(rest.partition_point(|row| *row < first + count));
            if here.len() as i64 == count {
                pieces.push(Piece { at, rows: None });
            } else if !here.is_empty() {
                let own: Vec<i64> = here.iter().map(|row| row - first).collect();
                pieces.push(Piece { at, rows: Some(Tensor::f_from_slice(&own)?.f_to_device(labels.device())?) });
            }
            (first, rest) = (first + count, behind);
        }
        let logits = self.network.logits(&pieces, &self.images, leaves)?;
        let labels = together(&pieces, |at| &self.labels[at])?;
        let each = cross_entropy(&logits, &labels)?;
        Ok(Losses { logits, each, labels })
    }
}
