export { applyEsp, type BootFileSource } from './apply.ts';
export { readEsp } from './content.ts';
export {
  bootFileName,
  type Entry,
  type EntryName,
  firstTries,
  parseBootFileName,
  parseEntry,
  parseEntryName,
  renderEntry,
  renderEntryName,
  type Tries,
} from './entry.ts';
export { makeFolder, putFile } from './files.ts';
export { parseKernelRelease } from './kernel.ts';
export {
  type FirmwareEntries,
  type FirmwarePlan,
  type LoadOption,
  planFirmware,
  renderLoadOption,
} from './load-option.ts';
export { parseLoaderVariable, renderLoaderSettings } from './loader.ts';
export { type Program, parseProgram, type Section, sectionContent } from './pe.ts';
export {
  type BootableGeneration,
  type EntryFile,
  type EspCall,
  type EspContent,
  type EspFile,
  type EspPlan,
  onEsp,
  planEsp,
} from './plan.ts';
export { addSections, buildUki, type NewSection, type UkiParts } from './uki.ts';
