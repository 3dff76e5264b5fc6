import { layerInspector } from '../../pkg/atomfs/inspection/index.ts';
import { serveThread } from '../../pkg/host/linux/thread/index.ts';

serveThread(layerInspector());
