//! Images of one batch while an attack works on them: which are still under attack, and the worst that was found for
//! each. Every claim that an image fell is judged here, in float32, on the network as it is.

use tch::{Kind, Tensor};

use super::loss::{cross_entropy, is_right};
use super::pgd::Batch;
use super::robust::{Attacked, Pair};
use crate::error::Result;

/// The rows of a batch under attack. The active ones shrink as images fall, unless every image goes to the end; then a
/// later point that fools the network replaces an earlier one.
pub struct Rows<'a> {
    pair: &'a Pair<'a>,
    to_the_end: bool,
    active: Tensor,
    clean: Tensor,
    labels: Tensor,
    ids: Vec<u64>,
    images: Tensor,
    loss: Tensor,
    robust: Tensor,
    later: Option<Tensor>,
    image_steps: u64,
    /// Summed on the device: reading it would wait for a GPU in the middle of the attack.
    zero_gradients: Option<Tensor>,
}

impl<'a> Rows<'a> {
    /// All images of `batch` active, none fallen.
    pub fn new(pair: &'a Pair<'a>, batch: &Batch<'_>, to_the_end: bool) -> Result<Self> {
        let count = batch.ids.len() as i64;
        let device = batch.images.device();
        Ok(Self {
            pair,
            to_the_end,
            active: Tensor::f_arange(count, (Kind::Int64, device))?,
            clean: batch.images.f_detach()?,
            labels: batch.labels.shallow_clone(),
            ids: batch.ids.to_vec(),
            images: batch.images.f_detach_copy()?,
            loss: Tensor::f_full([count], f64::NEG_INFINITY, (Kind::Float, device))?,
            robust: Tensor::f_ones([count], (Kind::Bool, device))?,
            later: None,
            image_steps: 0,
            zero_gradients: None,
        })
    }

    /// Originals of the active rows.
    pub fn clean(&self) -> &Tensor {
        &self.clean
    }

    /// Labels of the active rows.
    pub fn labels(&self) -> &Tensor {
        &self.labels
    }

    /// Keys of the active rows' randomness.
    pub fn ids(&self) -> &[u64] {
        &self.ids
    }

    /// Whether nothing is left to attack.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Counts one gradient step or query on every active row.
    pub fn count_step(&mut self) {
        self.image_steps += self.ids.len() as u64;
    }

    /// Counts active rows whose gradient is zero everywhere, a sign of gradient masking.
    pub fn count_zero_gradients(&mut self, gradient: &Tensor) -> Result<()> {
        let largest = gradient.f_flatten(1, -1)?.f_abs()?.f_amax([1], false)?;
        let zero = largest.f_eq(0.0)?.f_sum(Kind::Int64)?;
        self.zero_gradients = Some(match &self.zero_gradients {
            Some(before) => before.f_add(&zero)?,
            None => zero,
        });
        Ok(())
    }

    /// Judges the active rows that `logits` (of `current`, by the fast network) call misclassified; those that really
    /// are leave. Returns the rows of `current` that stay, or nothing when all do.
    pub fn drop_fallen(&mut self, current: &Tensor, logits: &Tensor) -> Result<Option<Tensor>> {
        let claimed = is_right(logits, &self.labels)?.f_logical_not()?;
        self.drop_claimed(current, &claimed)
    }

    /// [`Rows::drop_fallen`] for the active rows that a bool mask names.
    pub fn drop_claimed(&mut self, current: &Tensor, claimed: &Tensor) -> Result<Option<Tensor>> {
        let robust = self.robust.f_index_select(0, &self.active)?;
        if self.to_the_end {
            self.keep_later(current, &claimed.f_logical_and(&robust.f_logical_not()?)?)?;
        }
        let fell = self.judge(current, &rows_where(&claimed.f_logical_and(&robust)?)?, false)?;
        if fell == 0 || self.to_the_end {
            return Ok(None);
        }
        let stay = rows_where(&self.robust.f_index_select(0, &self.active)?)?;
        self.active = self.active.f_index_select(0, &stay)?;
        self.clean = self.clean.f_index_select(0, &stay)?;
        self.labels = self.labels.f_index_select(0, &stay)?;
        self.ids = numbers(&stay)?.into_iter().map(|row| self.ids[row as usize]).collect();
        Ok(Some(stay))
    }

    /// Judges `current`, the last or best images of the active rows, and closes the account: an image that fell keeps
    /// the last point that fooled the network, a survivor has `current`.
    pub fn finish(mut self, current: &Tensor) -> Result<Attacked> {
        let robust = rows_where(&self.robust.f_index_select(0, &self.active)?)?;
        if let Some(later) = self.later.take() {
            let fallen = rows_where(&self.robust.f_logical_not()?)?;
            self.judge(&later, &fallen, false)?;
        }
        self.judge(current, &robust, true)?;
        let zero_gradients = self.zero_gradients.as_ref().map_or(Ok(0), i64::try_from)? as u64;
        Ok(Attacked {
            images: self.images,
            robust: self.robust,
            loss: self.loss,
            image_steps: self.image_steps,
            zero_gradients,
        })
    }

    /// Notes points that seem to fool the network again; they are judged once, at the end.
    fn keep_later(&mut self, current: &Tensor, again: &Tensor) -> Result<()> {
        let rows = rows_where(again)?;
        if rows.numel() > 0 {
            let later = match self.later.take() {
                Some(later) => later,
                None => self.images.f_detach_copy()?,
            };
            self.later = Some(later.f_index_copy(0, &rows, &current.f_index_select(0, &rows)?)?);
        }
        Ok(())
    }

    /// Judges the rows `suspects` of `current` and keeps those that are misclassified, or all with `keep_all`. Returns
    /// how many were misclassified.
    fn judge(&mut self, current: &Tensor, suspects: &Tensor, keep_all: bool) -> Result<usize> {
        if suspects.numel() == 0 {
            return Ok(0);
        }
        let candidates = current.f_index_select(0, suspects)?;
        let labels = self.labels.f_index_select(0, suspects)?;
        let rows = self.active.f_index_select(0, suspects)?;
        let logits = tch::no_grad(|| self.pair.judge.logits(&candidates))?;
        let wrong = rows_where(&is_right(&logits, &labels)?.f_logical_not()?)?;
        let loss = cross_entropy(&logits, &labels)?;
        let fallen = rows.f_index_select(0, &wrong)?;
        if keep_all {
            let _ = self.images.f_index_copy_(0, &rows, &candidates)?;
            let _ = self.loss.f_index_copy_(0, &rows, &loss)?;
        } else if wrong.numel() > 0 {
            let _ = self.images.f_index_copy_(0, &fallen, &candidates.f_index_select(0, &wrong)?)?;
            let _ = self.loss.f_index_copy_(0, &fallen, &loss.f_index_select(0, &wrong)?)?;
        }
        let _ = self.robust.f_index_fill_(0, &fallen, 0)?;
        Ok(wrong.numel())
    }
}

/// Row numbers (int64) at which a bool vector holds.
pub fn rows_where(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_nonzero()?.f_view([-1])?)
}

/// The rows `stay` of each tensor, in place; nothing to do when all stay.
pub fn keep_rows(stay: Option<&Tensor>, tensors: &mut [&mut Tensor]) -> Result<()> {
    if let Some(stay) = stay {
        for tensor in tensors {
            **tensor = tensor.f_index_select(0, stay)?;
        }
    }
    Ok(())
}

/// A vector of row numbers.
pub fn numbers(rows: &Tensor) -> Result<Vec<i64>> {
    Ok(Vec::<i64>::try_from(&rows.f_to_device(tch::Device::Cpu)?)?)
}
