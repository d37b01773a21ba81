/** The least that a workflow per delivery can be: one activity that POSTs. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';

interface FloorActivities {
  post(id: string): Promise<void>;
}

const local = proxyLocalActivities<FloorActivities>({ startToCloseTimeout: '10 seconds' });
const normal = proxyActivities<FloorActivities>({ startToCloseTimeout: '10 seconds' });

export function floorLocal(id: string): Promise<void> {
  return local.post(id);
}

export function floorNormal(id: string): Promise<void> {
  return normal.post(id);
}
