export { readConfig, type OrchestratorConfig } from './config.js';
export { startOrchestrator, type OrchestratorOptions } from './orchestrator.js';
export { DEFAULT_SEVERITIES, PUBLISHED_CODE_CORRUPTIONS, STANDARD_CORRUPTIONS } from './plan/corruptions.js';
export { choicesOf, type ProfileChoices } from './plan/profiles.js';
