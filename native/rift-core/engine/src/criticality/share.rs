//! The images that one lane works on: their cached prefix, and losses and gradients under changed weights.

use std::collections::HashMap;
use std::sync::Arc;

use tch::{Kind, Tensor};

use crate::attack::loss::{cross_entropy, is_right};
use crate::error::Result;
use crate::evaluate;
use crate::memory::{bytes, in_file};
use crate::net::exec::Values;
use crate::net::graph::NodeId;
use crate::net::LaneModel;

/// What is asked of every image.
pub struct Look {
    /// Node from which on the network is run; below it, prefixes are kept or computed again.
    pub cut: NodeId,
    /// Nodes whose weights are changed, and these weights as the folded graph uses them.
    pub weights: Vec<(NodeId, Tensor)>,
    /// Images whose loss is differentiated.
    pub climbed: Climbed,
    /// Whether the other images are judged.
    pub judges_rest: bool,
}

impl Look {
    /// The same, for another lane; its tensors are shared.
    pub fn again(&self) -> Self {
        Self { weights: shared(&self.weights), climbed: self.climbed.clone(), ..*self }
    }
}

fn shared(weights: &[(NodeId, Tensor)]) -> Vec<(NodeId, Tensor)> {
    weights.iter().map(|(node, weight)| (*node, weight.shallow_clone())).collect()
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
}

/// What came of it.
#[derive(Default)]
pub struct Seen {
    /// Cross-entropy of each image of the share; NaN where an image was not asked for.
    pub losses: Vec<f32>,
    /// Whether each is classified right.
    pub right: Vec<u8>,
    /// Gradients of the summed loss with respect to the changed weights; empty when no image was climbed.
    pub gradients: Vec<Tensor>,
}

impl Seen {
    /// Takes in what the images behind these gave.
    pub fn append(&mut self, other: Self) -> Result<()> {
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
}

/// Images that are computed together.
struct Piece {
    first: i64,
    images: Tensor,
    labels: Tensor,
    prefix: Option<Values>,
}

/// Neighbouring images in pieces, and a lane's own network.
pub struct Share {
    model: LaneModel,
    pieces: Vec<Piece>,
}

impl Share {
    /// The `count` images from `first` on, at most `at_once` to a piece.
    pub fn new(
        model: LaneModel, images: &Tensor, labels: &Tensor, first: i64, count: i64, at_once: i64,
    ) -> Result<Self> {
        let parts = ((count + at_once - 1) / at_once).max(1) as usize;
        let pieces = crate::lanes::spans(count, parts)
            .into_iter()
            .map(|(at, rows)| {
                let part = |tensor: &Tensor| tensor.f_narrow(0, first + at, rows);
                Ok(Piece { first: first + at, images: part(images)?, labels: part(labels)?, prefix: None })
            })
            .collect::<Result<_>>()?;
        Ok(Self { model, pieces })
    }

    /// The same share, its tensors shared.
    pub fn again(&self) -> Self {
        let values = |values: &Values| values.iter().map(|(id, value)| (*id, value.shallow_clone())).collect();
        let pieces = self.pieces.iter().map(|piece| Piece {
            first: piece.first,
            images: piece.images.shallow_clone(),
            labels: piece.labels.shallow_clone(),
            prefix: piece.prefix.as_ref().map(values),
        });
        Self { model: self.model.clone(), pieces: pieces.collect() }
    }

    /// Moves the kept prefix from node `from` to `to`, and into files with `spills`.
    pub fn advance(mut self, from: NodeId, to: NodeId, spills: bool) -> Result<Self> {
        let _guard = tch::no_grad_guard();
        for piece in &mut self.pieces {
            let (values, from) = piece.prefix.take().map_or((Values::new(), 0), |values| (values, from));
            let mut values = self.model.with(|network| network.advance(&piece.images, values, from, to))?;
            if spills {
                for value in values.values_mut() {
                    *value = in_file(value)?;
                }
            }
            piece.prefix = Some(values);
        }
        Ok(self)
    }

    /// Forgets the prefix.
    pub fn forget(&mut self) {
        for piece in &mut self.pieces {
            piece.prefix = None;
        }
    }

    /// Bytes that the prefix at `cut` holds for one image, measured on one.
    pub fn bytes_per_image(&self, cut: NodeId) -> Result<u64> {
        let _guard = tch::no_grad_guard();
        let one = self.pieces[0].images.f_narrow(0, 0, 1)?;
        let values = self.model.with(|network| network.advance(&one, Values::new(), 0, cut))?;
        Ok(values.values().map(bytes).sum())
    }

    /// Answers `look`.
    pub fn look(&self, look: &Look) -> Result<Seen> {
        let mut seen = Seen::default();
        for piece in &self.pieces {
            seen.append(piece.look(&self.model, look)?)?;
        }
        Ok(seen)
    }
}

impl Piece {
    fn look(&self, model: &LaneModel, look: &Look) -> Result<Seen> {
        let count = self.labels.size()[0];
        let is_climbed = |row: &i64| match &look.climbed {
            Climbed::Nothing => false,
            Climbed::Everything => true,
            Climbed::Rows(rows) => rows[(self.first + row) as usize],
        };
        let (climbed, rest): (Vec<i64>, Vec<i64>) = (0..count).partition(is_climbed);
        let mut seen =
            Seen { losses: vec![f32::NAN; count as usize], right: vec![0; count as usize], gradients: Vec::new() };
        if !climbed.is_empty() {
            let leaves: Vec<(NodeId, Tensor)> = look
                .weights
                .iter()
                .map(|(node, weight)| Ok((*node, weight.f_detach()?.f_set_requires_grad(true)?)))
                .collect::<Result<_>>()?;
            let (loss, logits, labels) = self.losses(model, look, &leaves, &climbed)?;
            let tensors: Vec<&Tensor> = leaves.iter().map(|(_, leaf)| leaf).collect();
            seen.gradients = Tensor::f_run_backward(&[loss.f_sum(Kind::Float)?], &tensors, false, false)?;
            seen.note(&climbed, &loss, &logits, &labels)?;
        }
        if look.judges_rest && !rest.is_empty() {
            let _guard = tch::no_grad_guard();
            let (loss, logits, labels) = self.losses(model, look, &look.weights, &rest)?;
            seen.note(&rest, &loss, &logits, &labels)?;
        }
        Ok(seen)
    }

    /// Losses, logits and labels of the piece's `rows`.
    fn losses(
        &self, model: &LaneModel, look: &Look, weights: &[(NodeId, Tensor)], rows: &[i64],
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let whole = rows.len() as i64 == self.labels.size()[0];
        let index = Tensor::f_from_slice(rows)?.f_to_device(self.labels.device())?;
        let pick = |tensor: &Tensor| -> Result<Tensor> {
            Ok(if whole { tensor.shallow_clone() } else { tensor.f_index_select(0, &index)? })
        };
        let cut = look.cut.max(1);
        let weights: HashMap<NodeId, Tensor> = shared(weights).into_iter().collect();
        let logits = model.with(|network| {
            let values: Values = match &self.prefix {
                Some(prefix) if look.cut > 0 => {
                    prefix.iter().map(|(id, value)| Ok((*id, pick(value)?))).collect::<Result<_>>()?
                }
                _ => tch::no_grad(|| network.advance(&pick(&self.images)?, Values::new(), 0, cut))?,
            };
            network.suffix(&values, cut, &weights)
        })?;
        let labels = pick(&self.labels)?;
        Ok((cross_entropy(&logits, &labels)?, logits, labels))
    }
}

impl Seen {
    fn note(&mut self, rows: &[i64], loss: &Tensor, logits: &Tensor, labels: &Tensor) -> Result<()> {
        let losses = evaluate::floats(&loss.f_detach()?)?;
        let right = evaluate::bytes(&is_right(&logits.f_detach()?, labels)?)?;
        for ((row, loss), right) in rows.iter().zip(losses).zip(right) {
            self.losses[*row as usize] = loss;
            self.right[*row as usize] = right;
        }
        Ok(())
    }
}
