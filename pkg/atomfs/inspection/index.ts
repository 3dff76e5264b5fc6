export { type Inspection, openInspection } from './inspection.ts';
export type { Inspected } from './messages.ts';
export { layerInspector } from './thread.ts';
export type { LayerWatch } from './watch.ts';
