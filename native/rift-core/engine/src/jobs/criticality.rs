//! Measuring module robust criticality.

use std::path::PathBuf;

use serde::Deserialize;

use super::inputs::NetworkFile;
use crate::compute::Compute;
use crate::control::Control;
use crate::criticality::{measure, Criticality};
use crate::data::read_adversarial_set;
use crate::error::{EngineError, Result};
use crate::spec::{ComputeSpec, CriticalitySpec};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    network: NetworkFile,
    adversarial_set: PathBuf,
    spec: CriticalitySpec,
    compute: ComputeSpec,
}

pub(super) fn criticality(request: Request, control: &Control) -> Result<Criticality> {
    request.spec.check().map_err(|error| error.under("spec"))?;
    let network = request.network.read()?;
    let set = read_adversarial_set(&request.adversarial_set)?;
    let highest = i64::try_from(&set.y.f_max()?)?;
    if highest >= network.manifest.classes {
        let rule = format!("must be below {}, the classes of the network", network.manifest.classes);
        return Err(EngineError::invalid("adversarialSet.y", highest, rule));
    }
    measure(&network, &set, &request.spec, &Compute::resolve(&request.compute)?, control)
}
