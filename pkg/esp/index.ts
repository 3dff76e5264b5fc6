export { parseKernelRelease } from './kernel.ts';
export { type Program, parseProgram, type Section, sectionContent } from './pe.ts';
export { addSections, buildUki, type NewSection, type UkiParts } from './uki.ts';
