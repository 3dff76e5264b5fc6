export { espPlace, findEsp } from './place.ts';
export {
  applyBootFiles,
  type BootFiles,
  type BootFilesRequest,
  bootkitOf,
  type EspBytes,
  espBytes,
  planBootFiles,
} from './stage.ts';
export {
  removeEntries,
  type Staging,
  stageBootFiles,
  unstageBootFiles,
  writeEntries,
} from './steps.ts';
export { bringEspUpToDate } from './up-to-date.ts';
export { bootsAlike } from './wanted.ts';
