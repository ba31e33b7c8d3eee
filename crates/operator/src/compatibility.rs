//! Whether the installed definitions know every field that this operator writes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _};
use trigpoint_crd::{SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION, definitions};

use crate::Error;

/// Refuses definitions that are older: the API server would drop fields without a
/// word.
pub(crate) async fn check(client: &Client) -> Result<(), Error> {
    let installed: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in definitions() {
        let name = definition.name_any();
        let found = installed.get_opt(&name).await.map_err(|source| Error::Api {
            what: format!("read the definition `{name}`"),
            source,
        })?;
        let found = found.ok_or_else(|| Error::DefinitionMissing { name: name.clone() })?;
        let found = version(&found);
        if found < SCHEMA_VERSION {
            return Err(Error::DefinitionTooOld { name, found });
        }
    }
    Ok(())
}

fn version(definition: &CustomResourceDefinition) -> u32 {
    let text = definition.annotations().get(SCHEMA_VERSION_ANNOTATION);
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
