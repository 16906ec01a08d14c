export { readConfig, type TrainerConfig } from './config.js';
export { startTrainer } from './trainer.js';
