"""What entries of the audit administrator's page are called."""

from collections.abc import Mapping

from citywatch.mechanisms.labels import Label

ENTRIES: Mapping[str, Label] = {
    "registry.account_made": Label("新建账户", "Account made"),
    "registry.account_closed": Label("停用账户", "Account closed"),
    "registry.account_reopened": Label("恢复账户", "Account reopened"),
    "registry.failures_forgiven": Label("清除登录失败记录", "Failed sign-ins forgiven"),
    "registry.password_given": Label("重置密码", "New password given"),
    "registry.second_factor_reset": Label("重置双因素", "Second factor reset"),
    "registry.key_issued": Label("签发报送密钥", "Machine key issued"),
    "registry.key_revoked": Label("吊销报送密钥", "Machine key revoked"),
    "registry.role_granted": Label("授予角色", "Role given"),
    "registry.role_withdrawn": Label("收回角色", "Role taken away"),
    "registry.role_changed": Label("变更角色权限", "Role changed"),
    "registry.place_added": Label("新增地点", "Place added"),
    "registry.place_changed": Label("变更地点", "Place changed"),
    "vault.opened": Label("查看真实身份", "Identity opened"),
    "vault.looks_listed": Label("列出查看记录", "Looks at a person listed"),
    "vault.looks_sought": Label("查询查看记录（无此人）", "Looks sought of nobody known"),
    "vault.hold_placed": Label("设置保全", "Legal hold placed"),
    "vault.hold_lifted": Label("解除保全", "Legal hold lifted"),
    "vault.purged": Label("到期销毁", "Purged"),
    "vault.purge_certified": Label("签发销毁证明", "Purge certified"),
    "vault.keys_rotated": Label("轮换主密钥", "Master keys rotated"),
    "vault.old_keys_destroyed": Label("销毁旧密钥", "Old keys destroyed"),
    "emergency.opened": Label("应急查看", "Opened in an emergency"),
    "emergency.refused": Label("应急查看被拒", "Emergency opening refused"),
    "emergency.reviewed": Label("复核应急查看", "Emergency reviewed"),
    "export.asked": Label("申请导出", "Export asked for"),
    "export.approved": Label("批准导出", "Export approved"),
    "export.taken": Label("取走导出文件", "Export taken"),
    "export.traced": Label("追溯外泄清单", "Leaked list traced"),
    "export.unusual": Label("异常导出", "Unusual export"),
    "signin.entered": Label("登录", "Signed in"),
    "signin.paused": Label("登录暂停（多次失败）", "Sign-in paused after failures"),
    "signin.spray_noticed": Label("疑似撞库", "One password tried on many accounts"),
    "trace.records_read": Label("查看到访与就诊记录", "Whereabouts and records read"),
    "sense.photo_opened": Label("查看照片", "Photo opened"),
}
