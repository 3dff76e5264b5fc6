export type { DiskInstallOptions, DiskInstallPlan, DiskInstallResult } from './context.ts';
export { installOnDisk } from './install.ts';
export { readLayout } from './layout.ts';
export { type RecoverOptions, type RecoverResult, recover } from './recover.ts';
