export { applyUpdate, updateCommand } from './apply.ts';
export { requireCommand, runCommand } from './commands.ts';
export { upgradeFolder } from './folder.ts';
export { nextAutomatic, performAutomatic } from './perform.ts';
export { changeSettings, updateSettings } from './settings.ts';
export { updatesStatus } from './status.ts';
export { holdUpdates, listUpdateHolds, releaseUpdates } from './update-holds.ts';
