import type { Devices } from '../devices.ts';
import { loopAttach, loopBacking, loopDetach, loops } from './loop.ts';
import { dmCreate, dmList, dmOpen, dmRemove, dmTable, hasDeviceMapper } from './mapper.ts';
import { loadModule } from './modules.ts';
import { openTpm } from './tpm.ts';
import { startWatchdog } from './watchdog.ts';

export const linuxDevices: Devices = {
  loops,
  loopAttach,
  loopDetach,
  loopBacking,
  hasDeviceMapper,
  dmList,
  dmTable,
  dmCreate,
  dmOpen,
  dmRemove,
  openTpm,
  startWatchdog,
  loadModule,
};
