//! Images of one batch while an attack works on them: which are still under attack, and the worst that was found for
//! each. Every claim that an image fell is judged here, in float32, on the network as it is.

use tch::{Kind, Tensor};

use super::loss::{cross_entropy, is_right};
use super::robust::{Attacked, Pair};
use super::tries::{Key, Tries};
use crate::error::Result;

/// The rows of a batch under attack. The active ones shrink as images fall, unless every image goes to the end; then a
/// later point that fools the network replaces an earlier one.
pub struct Rows<'a> {
    pair: &'a Pair<'a>,
    to_the_end: bool,
    active: Tensor,
    clean: Tensor,
    labels: Tensor,
    keys: Vec<Key>,
    images: Tensor,
    loss: Tensor,
    robust: Tensor,
    later: Option<Tensor>,
    /// Taken so far by the active rows.
    steps_so_far: i64,
    /// Counted on the device: reading them would wait for a GPU in the middle of the attack.
    steps: Tensor,
    zero_gradients: Tensor,
}

impl<'a> Rows<'a> {
    /// All rows active, none fallen.
    pub fn new(pair: &'a Pair<'a>, tries: &Tries, to_the_end: bool) -> Result<Self> {
        let count = tries.keys.len() as i64;
        let device = tries.images.device();
        Ok(Self {
            pair,
            to_the_end,
            active: Tensor::f_arange(count, (Kind::Int64, device))?,
            clean: tries.images.f_detach()?,
            labels: tries.labels.shallow_clone(),
            keys: tries.keys.clone(),
            images: tries.images.f_detach_copy()?,
            loss: Tensor::f_full([count], f64::NEG_INFINITY, (Kind::Float, device))?,
            robust: Tensor::f_ones([count], (Kind::Bool, device))?,
            later: None,
            steps_so_far: 0,
            steps: Tensor::f_zeros([count], (Kind::Int64, device))?,
            zero_gradients: Tensor::f_zeros([count], (Kind::Int64, device))?,
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
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Whether nothing is left to attack.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Counts one gradient step or query on every active row.
    pub fn count_step(&mut self) {
        self.steps_so_far += 1;
    }

    /// Counts `steps` more for each active row.
    pub fn count_steps(&mut self, steps: &[i64]) -> Result<()> {
        let steps = Tensor::f_from_slice(steps)?.f_to_device(self.steps.device())?;
        self.steps = self.steps.f_index_add(0, &self.active, &steps)?;
        Ok(())
    }

    /// Counts active rows whose gradient is zero everywhere, a sign of gradient masking.
    pub fn count_zero_gradients(&mut self, gradient: &Tensor) -> Result<()> {
        let largest = gradient.f_flatten(1, -1)?.f_abs()?.f_amax([1], false)?;
        let zero = largest.f_eq(0.0)?.f_to_kind(Kind::Int64)?;
        self.zero_gradients = self.zero_gradients.f_index_add(0, &self.active, &zero)?;
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
        let robust = self.robust.f_index_select(0, &self.active)?;
        Ok(Some(self.part(&robust)?))
    }

    /// Judges the rows `done` (numbers of active rows) of `current`, their best images, which are under attack no more.
    /// Returns the rows that stay. Not for attacks that go to the end, whose rows stay side by side.
    pub fn leave(&mut self, current: &Tensor, done: &[i64]) -> Result<Tensor> {
        let done = Tensor::f_from_slice(done)?.f_to_device(current.device())?;
        self.judge(current, &done, true)?;
        let stay = self.active.f_ones_like()?.f_index_fill(0, &done, 0)?;
        self.part(&stay)
    }

    /// Keeps the active rows of a mask and returns their numbers.
    fn part(&mut self, stay: &Tensor) -> Result<Tensor> {
        let gone = self.active.f_index_select(0, &rows_where(&stay.f_logical_not()?)?)?;
        self.note_steps(&gone)?;
        let stay = rows_where(stay)?;
        self.active = self.active.f_index_select(0, &stay)?;
        self.clean = self.clean.f_index_select(0, &stay)?;
        self.labels = self.labels.f_index_select(0, &stay)?;
        self.keys = numbers(&stay)?.into_iter().map(|row| self.keys[row as usize]).collect();
        Ok(stay)
    }

    /// Judges `current`, the last or best images of the active rows, and closes the account: an image that fell keeps
    /// the last point that fooled the network, a survivor has `current`.
    pub fn finish(mut self, current: &Tensor) -> Result<Attacked> {
        self.note_steps(&self.active.shallow_clone())?;
        let robust = rows_where(&self.robust.f_index_select(0, &self.active)?)?;
        if let Some(later) = self.later.take() {
            let fallen = rows_where(&self.robust.f_logical_not()?)?;
            self.judge(&later, &fallen, false)?;
        }
        self.judge(current, &robust, true)?;
        Ok(Attacked {
            images: self.images,
            robust: self.robust,
            loss: self.loss,
            steps: self.steps,
            zero_gradients: self.zero_gradients,
        })
    }

    /// Books the steps that all have taken so far for rows that leave.
    fn note_steps(&mut self, rows: &Tensor) -> Result<()> {
        let steps = rows.f_full_like(self.steps_so_far)?;
        self.steps = self.steps.f_index_add(0, rows, &steps)?;
        Ok(())
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
