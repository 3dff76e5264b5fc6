export {
  type DiskInstallOptions,
  type DiskInstallPlan,
  type DiskInstallResult,
  installOnDisk,
} from './install.ts';
export { readLayout } from './layout.ts';
export { type RecoverOptions, type RecoverResult, recover } from './recover.ts';
