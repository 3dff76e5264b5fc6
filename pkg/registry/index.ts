export { connectRegistry, openRegistry } from './open.ts';
export type {
  Credentials,
  MachineIdentity,
  Registry,
  RegistryAddress,
  RegistryOptions,
  RegistryRepository,
  Timeouts,
} from './options.ts';
export { fallbackTag } from './referrers.ts';
